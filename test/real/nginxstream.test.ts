/** nginx stream in front: its header is version 1, alone at connect; clients of a unix socket are UNKNOWN. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { certified, withCertificates } from "../stage/certificates";
import { startDemo } from "../stage/demo";
import { connectGreeted, connectTls, logInAnew, quit } from "../stage/dialogue";
import { freePort } from "../stage/ports";
import { startProcess } from "../stage/process";
import { until } from "../stage/waiting";
import { nginxParts, startOwnNginx } from "./nginx";
import { lacking } from "./programs";
import { scratch } from "./scratch";

const skip = lacking("openssl", ...nginxParts);

test("nginx stream in front, of a listener in clear and of one with TLS", { skip }, async (t) => {
  const { port: upstream } = await startDemo(t);
  const tls = [...withCertificates(certified("ec")), "--server-tls", "none"];
  const argv = ["--proxy-from", "127.0.0.1", ...tls, `127.0.0.1:${upstream}`];
  const gateway = await startProcess(argv, { t, listeners: ["/proxy", "/tls/proxy"] });
  const [clear, secure] = [await freePort(), await freePort()];
  const path = join(scratch(t), "socket");
  const settings = `stream {
    proxy_protocol on;
    server { listen 127.0.0.1:${clear}; listen unix:${path}; proxy_pass 127.0.0.1:${gateway.ports[0]}; }
    server { listen 127.0.0.1:${secure}; proxy_pass 127.0.0.1:${gateway.ports[1]}; }
  }`;
  await startOwnNginx(t, settings, clear);
  const at = (port: number) => ({ host: "127.0.0.1", port, localAddress: "127.0.0.3" });
  const one = await connectGreeted(at(clear), t);
  const { localPort } = one.socket;
  await logInAnew(one);
  await quit(one);
  assert.equal((await gateway.logged("login")).fields.client, "127.0.0.3");
  const connected = `client=127\\.0\\.0\\.3 port=${localPort} interface=127\\.0\\.0\\.1`;
  assert.match(gateway.said(), new RegExp(` connect \\S+ ${connected}$`, "m"));
  const two = await connectTls(at(secure), undefined, t);
  assert.match(await two.line(), /^\+OK/);
  await logInAnew(two);
  await quit(two);
  const { fields } = await gateway.logged("login", 2);
  assert.deepEqual([fields.client, fields.tls], ["127.0.0.3", "TLSv1.3"]);
  const local = await connectGreeted({ path }, t);
  await logInAnew(local);
  await quit(local);
  assert.equal((await gateway.logged("login", 3)).fields.client, "127.0.0.1");
  await until(() => gateway.log.filter(({ event }) => event === "close").length >= 3);
});
