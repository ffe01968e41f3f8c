/** nginx as a mail proxy and as a stream proxy, run by the ordinary user in one process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { atEnd } from "../stage/ending";
import { until } from "../stage/waiting";
import { accepts } from "./haproxy";
import { program, start, stop } from "./programs";
import { put, scratch } from "./scratch";

const MODULES = "/usr/lib/nginx/modules";

/** What install.sh has to have installed for it. */
export const nginxParts = ["nginx", `${MODULES}/ngx_mail_module.so`, `${MODULES}/ngx_stream_module.so`];

/** A running nginx. */
export interface Nginx {
  readonly pid: number;
  said(): string;
}

/** Starts it. @param settings its sections "mail" and "stream" @param port where it listens then */
export async function startNginx(t: TestContext | null, home: string, settings: string, port: number): Promise<Nginx> {
  const file = join(home, "nginx.conf");
  put(
    file,
    `load_module ${MODULES}/ngx_mail_module.so;
load_module ${MODULES}/ngx_stream_module.so;
daemon off;
master_process off;
pid ${home}/nginx.pid;
error_log stderr info;
events { worker_connections 1024; }
${settings}
`,
  );
  const argv = ["-e", "stderr", "-p", home, "-c", file];
  const child = start(program("nginx"), argv, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (octets) => (said += octets));
  if (t) atEnd(t, () => stop(child, "SIGKILL"));
  const listens = () => {
    assert.equal(child.exitCode, null, `nginx has ended: ${said}`);
    return accepts(port);
  };
  await until(listens, () => `nginx does not listen: ${said}`, { every: 25 });
  return { pid: child.pid as number, said: () => said };
}

/** As `startNginx`, in a folder of its own. */
export function startOwnNginx(t: TestContext, settings: string, port: number): Promise<Nginx> {
  return startNginx(t, scratch(t), settings, port);
}
