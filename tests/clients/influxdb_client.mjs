// npm's @influxdata/influxdb-client writes over the interface of 2.x; what it says, as text. influxdb_client.mjs PORT
import { InfluxDB, Point } from "@influxdata/influxdb-client";

const api = new InfluxDB({ url: `http://127.0.0.1:${process.argv[2]}`, token: "any" });
const show = (what, value) => console.log(what, JSON.stringify(value));

const writer = api.getWriteApi("org", "v2", "ms", { gzipThreshold: 200, maxRetries: 0, batchSize: 50 });
writer.useDefaultTags({ zone: "default zone" });
for (let i = 0; i < 120; i++)
  writer.writePoint(
    new Point("ticks").tag("host", `h${i % 2}`).intField("n", i).floatField("v", i / 4).booleanField("b", i % 3 === 0)
      .stringField("s", i % 5 ? `text "${i}"` : "").timestamp(1698364800000 + i * 1500));
await writer.close();
show("written", true);

const bad = api.getWriteApi("org", "v2", "ns", { maxRetries: 0, writeFailed: (error) => {
  show("refused", [error.statusCode, error.code ?? null]);
} });
bad.writeRecord("ticks,host=h0 n=\"text\" 1698364800000000000");
await bad.close().catch(() => undefined);

try {
  await api.getQueryApi("org").collectRows('from(bucket: "v2") |> range(start: 0)');
  show("flux", "answered");
} catch (e) {
  show("flux", e.statusCode);
}
