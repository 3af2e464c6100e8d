#!/usr/bin/env python3
"""An HTTP server that answers as it was told and keeps what it was asked: for servers that cannot be installed here,
and for what real ones cannot be made to do. Loopback only, a port that the system chose, printed on the first line.

    scripted_server.py [--cert FILE --key FILE [--client-ca FILE]] [--unix PATH]

Control, over a second port, printed on the second line:
    PUT  /_answers    JSON: [{"match": "POST /api/v2/write", "status": 204, "headers": {}, "body": "", "times": 1,
                      "delay_ms": 0, "fault": ""}, ...]
                      The first whose match begins the request's "METHOD path" and whose times are not used up (none: for
                      ever) answers; else 404. fault: half (its head and half of its body, then the end), reset (RST
                      without an answer), close (the end without an answer), hang (nothing, until the peer goes).
                      "{request}" in a body is replaced by the request's head: a server that shows what it was sent.
    GET  /_requests   JSON: [{"head": "POST /write?db=x HTTP/1.1\\r\\n...", "body": "...", "gzip": false}, ...] since then
"""
import argparse
import gzip
import json
import os
import socket
import socketserver
import ssl
import struct
import threading
import time

HEAD_MAX, BODY_MAX, REQUESTS_MAX = 64 << 10, 64 << 20, 100000
lock = threading.Lock()
answers, requests = [], []


def read_head(stream):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline(HEAD_MAX)
        if not line or len(head) > HEAD_MAX:
            return None
        head += line
    return head.decode("latin-1")


def header(head, name):
    for line in head.split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == name:
            return value.strip()
    return ""


def read_body(stream, head):
    if header(head, "transfer-encoding").lower() == "chunked":
        body = b""
        while (size := int(stream.readline(100), 16)) and len(body) < BODY_MAX:
            body += stream.read(size)
            stream.readline(100)
        stream.readline(100)
        return body
    return stream.read(min(int(header(head, "content-length") or 0), BODY_MAX))


def choose(line):
    """The answer to "METHOD path": the first that fits and is not used up."""
    with lock:
        for a in answers:
            if line.startswith(a.get("match", "")) and a.get("times", 1) > 0:
                if "times" in a:
                    a["times"] -= 1
                return dict(a)
    return {"status": 404, "body": "404 page not found\n"}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            while (head := read_head(self.rfile)) is not None:
                body = read_body(self.rfile, head)
                line = head.split(" HTTP/", 1)[0]
                if not (self.do_control(line, body) if self.server.control else self.do_scripted(head, line, body)):
                    return
        except (OSError, ValueError):
            return

    def send(self, status, headers, body, cut=None):
        head = f"HTTP/1.1 {status} Scripted\r\n"
        if status != 204:
            head += f"Content-Length: {len(body)}\r\n"
        head += "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        self.wfile.write((head + "\r\n").encode() + (body if cut is None else body[:cut]))
        return True

    def do_control(self, line, body):
        if line == "PUT /_answers":
            with lock:
                answers[:] = json.loads(body)
                requests.clear()
            return self.send(204, {}, b"")
        if line == "GET /_requests":
            with lock:
                kept = list(requests)
            return self.send(200, {}, json.dumps(kept).encode())
        return self.send(404, {}, b"")

    def do_scripted(self, head, line, raw):
        packed = header(head, "content-encoding") == "gzip"
        text = (gzip.decompress(raw) if packed else raw).decode("utf-8", "replace")
        with lock:
            if len(requests) < REQUESTS_MAX:
                requests.append({"head": head, "body": text, "gzip": packed})
        a = choose(line)
        time.sleep(a.get("delay_ms", 0) / 1000)
        fault = a.get("fault", "")
        if fault == "hang":
            self.connection.recv(1)
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if fault in ("hang", "reset", "close"):
            self.connection.close()
            return False
        body = a.get("body", "").replace("{request}", json.dumps(head)[1:-1]).encode()
        self.send(a.get("status", 204), a.get("headers", {}), body, len(body) // 2 if fault == "half" else None)
        return fault != "half"


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 1024
    control = False


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    control = False


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--cert")
    p.add_argument("--key")
    p.add_argument("--client-ca", help="who must have signed the client's certificate")
    p.add_argument("--unix")
    o = p.parse_args()
    server = UnixServer(o.unix, Handler) if o.unix else Server(("127.0.0.1", 0), Handler)
    if o.cert:
        # the handshake is each connection's own thread's work, at its first read
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(o.cert, o.key)
        if o.client_ca:
            context.load_verify_locations(o.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    control = Server(("127.0.0.1", 0), Handler)
    control.control = True
    print(0 if o.unix else server.server_address[1], flush=True)
    print(control.server_address[1], flush=True)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    try:
        server.serve_forever()
    finally:
        if o.unix:
            os.unlink(o.unix)


if __name__ == "__main__":
    main()
