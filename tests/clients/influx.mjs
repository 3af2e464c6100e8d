// npm's influx against a server of InfluxDB's 1.x interface; what it gets, as text. influx.mjs PORT
import { InfluxDB, FieldType } from "influx";

const port = Number(process.argv[2]);
const client = new InfluxDB({
  host: "127.0.0.1",
  port,
  database: "npm",
  schema: [
    {
      measurement: "response_times",
      fields: { path: FieldType.STRING, took: FieldType.INTEGER, load: FieldType.FLOAT, ok: FieldType.BOOLEAN },
      tags: ["host", "zone"],
    },
  ],
});
const second = (s) => new Date((1698364800 + s) * 1000);
const show = (what, value) => console.log(what, JSON.stringify(value));
const attempt = async (what, f) => {
  try {
    show(what, await f());
  } catch (e) {
    show(what, { error: e.message });
  }
};
process.on("uncaughtException", (e) => {
  console.log("failed", e.message);
  process.exit(1);
});

const hosts = await client.ping(5000);
show("ping", hosts.map((h) => h.online));
await client.createDatabase("npm");
show("databases", (await client.getDatabaseNames()).includes("npm"));
await client.writePoints([
  { measurement: "response_times", tags: { host: "a", zone: "with space" }, fields: { path: "/x y", took: 12, load: 0.5, ok: true }, timestamp: second(0) },
  { measurement: "response_times", tags: { host: "b" }, fields: { path: 'say "hi"', took: 7, load: -1.25, ok: false }, timestamp: second(10) },
  { measurement: "response_times", tags: { host: "a", zone: "ä,=" }, fields: { path: "", took: 30, load: 3 }, timestamp: second(70) },
]);
await client.writeMeasurement("other", [{ tags: { k: "v" }, fields: { n: 1.5 }, timestamp: second(5) }], { precision: "s" });
show("measurements", await client.getMeasurements());
show("series", await client.getSeries());
show("series of one", await client.getSeries({ measurement: "other" }));
show("all", await client.query("select * from response_times order by time asc"));
show("times", (await client.query("select took from response_times")).map((r) => r.time.getNanoTime()));
show("groups", (await client.query("select mean(took) from response_times group by host")).groups());
show("windows", await client.query("select sum(took) from response_times where time >= 1698364800s and time < 1698364920s group by time(1m) fill(0)"));
show("several", await client.query(["select count(load) from response_times", "select max(load), host from response_times"]));
show("bound", await client.query("select took from response_times where host = $host and took > $least", { placeholders: { host: "a", least: 20 } }));
show("precision", await client.queryRaw("select took from response_times limit 1", { precision: "ms" }));
show("policies", (await client.showRetentionPolicies("npm")).map((p) => [p.name, p.default]));
show("nothing", await client.query("select nosuch from response_times"));
await attempt("wrong statement", () => client.query("select from"));
await attempt("wrong function", () => client.query("select foo(load) from response_times"));
await attempt("wrong database", () => client.query("select load from response_times", { database: "nosuch" }));
await attempt("wrong type", () => client.writePoints([{ measurement: "other", tags: {}, fields: { n: "text" }, timestamp: second(9) }]));
