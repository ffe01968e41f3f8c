/**
 * What a login costs that an auth_http service decides: the CPU of 1,000 logins through nginx mail, and of the same ones
 * through the gateway, in turn; and how long another session waits for its answers meanwhile.
 *
 *   npm run bench:auth
 */

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNginx } from "../real/nginx";
import { freePort } from "../stage/ports";
import { Client, median } from "./client";
import { Patient } from "./patient";
import { cpuOf, type Started, startGateway, startUpstream } from "./processes";

const LOGINS = 1000;
const AT_ONCE = 8;
const ROUNDS = 5;

/** The service: it lets everybody in, to this server. */
async function startService(server: number): Promise<{ port: number; close(): void }> {
  const service = createServer((_, response) => {
    response.writeHead(200, { "Auth-Status": "OK", "Auth-Server": "127.0.0.1", "Auth-Port": server }).end();
  });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  return { port: (service.address() as AddressInfo).port, close: () => service.close() };
}

let users = 0;

/** So many sessions with a login and QUIT. */
async function logins(port: number): Promise<void> {
  let left = LOGINS;
  const worker = async () => {
    while (left-- > 0) {
      const one = new Client(port);
      await one.logIn(`user${++users}`);
      await one.ask("QUIT");
      one.close();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function main(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "pop3.proxy-"));
  chmodSync(home, 0o777); // started by root, nginx is run by another user
  const upstream = await startUpstream();
  const service = await startService(upstream.port);
  const url = `http://127.0.0.1:${service.port}/auth`;
  const port = await freePort();
  const settings = `mail { auth_http ${url}; server { listen 127.0.0.1:${port}; protocol pop3; } }`;
  const { pid } = await startNginx(null, home, settings, port);
  const gateway = await startGateway(upstream.port, [""], "-m", "-a", url);
  const bare = await startGateway(upstream.port, [""], "-m");
  const rivals: Record<string, Pick<Started, "port" | "cpu">> = {
    "nginx mail, auth_http": { port, cpu: () => cpuOf(pid) },
    "gateway, auth_http": gateway,
    "gateway, no access control": bare,
  };
  const costs = new Map(Object.keys(rivals).map((name) => [name, [] as number[]]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, { port: to, cpu }] of Object.entries(rivals)) {
      const before = cpu();
      await logins(to);
      if (round === 0) continue; // warm-up
      costs.get(name)?.push((cpu() - before) / LOGINS);
    }
  }
  for (const [name, each] of costs)
    console.log(`${name.padEnd(28)} ${(1000 * median(each)).toFixed(0)} us of CPU a login`);
  const patient = new Patient(gateway.port);
  await logins(bare.port);
  await patient.times();
  await logins(gateway.port);
  const times = await patient.times();
  const [middle, late, slowest] = [0.5, 0.99, 1].map((part) =>
    times[Math.floor(part * (times.length - 1))]?.toFixed(1),
  );
  console.log(`NOOP of another session beside them: median ${middle} ms, 99 % ${late} ms, slowest ${slowest} ms`);
  await patient.stop();
  process.kill(pid, "SIGKILL");
  await gateway.stop();
  await bare.stop();
  await upstream.stop();
  service.close();
  rmSync(home, { recursive: true });
  process.exit(0);
}

void main();
