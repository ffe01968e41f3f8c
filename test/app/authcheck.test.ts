/** --check and access control by HTTP, and listeners behind a load balancer. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { checkInside } from "../stage/checking";
import { startDemo } from "../stage/demo";

test("a service is asked without a login; whatever it answers, it is there", async (t) => {
  const asked: NodeJS.Dict<string | string[]>[] = [];
  const service = createServer((request, response) => {
    asked.push(request.headers);
    response.writeHead(request.url === "/auth" ? 403 : 200).end();
  });
  await once(service.listen(0, "127.0.0.1"), "listening");
  t.after(() => service.close());
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/auth`;
  const server = `127.0.0.1:${(await startDemo(t)).port}`;
  const argv = ["-D", "-a", url, "--auth-http-header", "X-Auth-Key: sekret", server];
  const { sound, said } = await checkInside(...argv);
  assert.ok(sound, said);
  assert.match(said, new RegExp(`^access control by ${url}, which answers 403 to a request without a login$`, "m"));
  assert.match(
    said,
    new RegExp(`^warning: a login that ${url} answers with 403 is not decided: is the path right\\?$`, "m"),
  );
  assert.equal(asked.length, 1);
  assert.equal(asked[0]?.["x-auth-key"], "sekret");
  assert.ok(!Object.keys(asked[0] ?? {}).some((name) => /^(?:auth|client)-/.test(name)));
  assert.ok(!said.includes("sekret"));
  const right = await checkInside("-D", "-a", url.replace("/auth", "/right"), server);
  assert.match(right.said, /which answers 200 to a request/);
  assert.doesNotMatch(right.said, /is the path right/);
  const tls = await checkInside("-D", "-a", url.replace("http:", "https:"), server);
  assert.match(tls.said, /^FAULT: access control: https:\S+: the answer is not TLS: is it http:\/\/ there\?$/m);
  const wrong = await checkInside("-D", "-a", "http://127.0.0.1:1/auth", server);
  assert.ok(!wrong.sound);
  assert.match(wrong.said, /^FAULT: access control: http:\/\/127\.0\.0\.1:1\/auth: connection refused/m);
});

test("who may send PROXY headers is told", async (t) => {
  const server = `127.0.0.1:${(await startDemo(t)).port}`;
  const from = ["--proxy-from", "192.0.2.1,10.0.0.0/8", server];
  const { said } = await checkInside("--listen", "1110/proxy", "--listen", "1111", ...from);
  assert.match(said, /^listens on \*:1110 behind PROXY headers from 192\.0\.2\.1,10\.0\.0\.0\/8; \*:1111$/m);
  const passed = await checkInside("--client-proxy", ...from);
  assert.match(passed.said, /^is started by a superserver behind PROXY headers from 192\.0\.2\.1,10\.0\.0\.0\/8$/m);
});
