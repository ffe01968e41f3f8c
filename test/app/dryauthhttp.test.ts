/** The dry run of --check with an auth_http service, with the user map and PROXY headers beside it. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { dryRun } from "../../src/app/dryrun";
import { parseCommandLine } from "../../src/config/commandline";
import { makeGateways } from "../../src/gateway/make";
import { Memory } from "../../src/gateway/memory";
import { scratch } from "../stage/acp";

/** A service that names a server for "ann", has no answer for "later", and denies all others. */
async function startService(t: TestContext) {
  const asked: IncomingHttpHeaders[] = [];
  const service = createServer(({ headers }, response) => {
    asked.push(headers);
    const user = String(headers["auth-user"]);
    if (user.startsWith("later")) response.writeHead(500).end();
    else if (!user.startsWith("ann")) response.writeHead(200, { "Auth-Status": "no such user" }).end();
    else response.writeHead(200, { "Auth-Status": "OK", "Auth-Server": "127.0.0.1", "Auth-Port": "1110" }).end();
  });
  await once(service.listen(0, "127.0.0.1"), "listening");
  t.after(() => service.close());
  return { url: `http://127.0.0.1:${(service.address() as AddressInfo).port}/auth`, asked };
}

async function dry(t: TestContext, ...argv: string[]) {
  const request = parseCommandLine(["--check", ...argv], () => "");
  if (request.kind !== "check" || !request.dry) return assert.fail();
  const memory = new Memory();
  t.after(() => memory.close());
  const gateways = await makeGateways(request.settings.services, memory, () => {}, false, false);
  const { lines, status } = await dryRun(gateways, request.dry, { ask: async () => "s3cr3t" });
  const text = lines.join("\n");
  assert.doesNotMatch(text, /s3cr3t|sekret/);
  return { text, status };
}

test("what a service would be asked, and what it answers", async (t) => {
  const { url, asked } = await startService(t);
  const common = ["-D", "-a", url, "--auth-http-header", "X-Key: sekret", "--from", "192.0.2.7", "--as"];
  const not = await dry(t, ...common, "joe");
  assert.equal(not.status, 0);
  assert.match(not.text, /^server: none yet, by the answer of access control$/m);
  assert.match(not.text, new RegExp(`^access control: ${url} would get Host=127\\.0\\.0\\.1 Auth-Method=plain `, "m"));
  assert.match(not.text, / Auth-User=joe Auth-Pass=\*\*\* .* Client-IP=192\.0\.2\.7 .*X-Key=\*\*\*$/m);
  assert.match(not.text, /^access control: not asked, and has the last word; --ask asks it$/m);
  assert.match(not.text, /^result: permitted, as far as .*; the service has to name a server$/m);
  assert.deepEqual(asked, []);
  const right = await dry(t, ...common, "ann", "--ask");
  assert.equal(right.status, 0, right.text);
  assert.match(right.text, /^server: 127\.0\.0\.1:1110 in clear, by the auth_http service$/m);
  assert.match(right.text, /^connection: 127\.0\.0\.1:1110 in clear$/m);
  assert.deepEqual([asked[0]?.["auth-pass"], asked[0]?.["x-key"]], ["s3cr3t", "sekret"]);
  const denied = await dry(t, ...common, "joe", "--ask");
  assert.equal(denied.status, 77);
  assert.match(denied.text, /^result: refused: code=acp-denied: .*no such user/m);
  assert.equal((await dry(t, ...common, "later", "--ask")).status, 75);
});

test("the user map comes before the service, which gets the name that the client has given", async (t) => {
  const { url, asked } = await startService(t);
  const folder = scratch(t);
  writeFileSync(join(folder, "map"), "*@example.net 127.0.0.2:1110 %n\n");
  writeFileSync(join(folder, "keys"), "X-Key: sekret\n", { mode: 0o600 });
  const file = join(folder, "gateway.toml");
  writeFileSync(
    file,
    `[service.a]\nlisten = ["127.0.0.1:1110/proxy"]\nmap = "map"\nacp = "${url}"\nauth-http-header-file = "keys"\nproxy-from = ["192.0.2.1"]\nsend-proxy = 2\n`,
  );
  const mapped = await dry(t, "-f", file, "--as", "later@example.net");
  assert.equal(mapped.status, 0, mapped.text);
  assert.match(mapped.text, /^before all else: a PROXY header from 192\.0\.2\.1$/m);
  assert.match(mapped.text, /^user there: later$/m);
  assert.match(mapped.text, / Auth-User=later@example\.net .*X-Key=\*\*\*$/m);
  assert.match(mapped.text, /^connection: 127\.0\.0\.2:1110 in clear, behind a PROXY header of version 2$/m);
  const moved = await dry(t, "-f", file, "--as", "ann@example.net", "--ask");
  assert.equal(moved.status, 77);
  assert.match(moved.text, /^result: refused: code=own-address: /m);
  assert.deepEqual([asked[0]?.["auth-user"], asked[0]?.["x-key"]], ["ann@example.net", "sekret"]);
  const unmapped = await dry(t, "-f", file, "--as", "ann");
  assert.match(unmapped.text, /^server: none yet, by no line of \S+map matches: the answer of access control$/m);
});
