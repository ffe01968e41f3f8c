/**
 * rsyslogd, run by the ordinary user: it listens on 127.0.0.1 and on a socket in a throw-away folder, and writes one
 * file. No rsyslogd of the system's is touched.
 */

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { atEnd } from "../stage/ending";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";
import { program, start, stop } from "./programs";
import { put, scratch } from "./scratch";

export interface Rsyslogd {
  /** Of UDP and TCP alike. */
  readonly port: number;
  /** The datagram socket that takes /dev/log's place. */
  readonly socket: string;
  /** What it has written: `input|facility|severity|tag|message` each. */
  lines(): string[];
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  /** By SIGKILL. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

export async function startRsyslogd(t: TestContext): Promise<Rsyslogd> {
  const home = scratch(t);
  const port = await freePort();
  const socket = join(home, "log");
  const file = join(home, "messages");
  put(join(home, "conf"), configuration(home, port, socket, file));
  let child: ChildProcess | null = null;
  const restart = async () => {
    rmSync(socket, { force: true });
    const next = start(program("rsyslogd"), ["-n", "-iNONE", "-f", join(home, "conf")]);
    child = next;
    let said = "";
    for (const pipe of [next.stdout, next.stderr]) pipe?.on("data", (octets) => (said += octets));
    const ready = () => {
      assert.equal(next.exitCode, null, `rsyslogd has ended: ${said}`);
      return existsSync(socket) && listens(port);
    };
    await until(ready, () => `rsyslogd does not listen: ${said}`);
  };
  const kill = async () => {
    if (child) await stop(child, "SIGKILL");
  };
  atEnd(t, kill);
  await restart();
  return {
    port,
    socket,
    lines: () => (existsSync(file) ? readFileSync(file, "latin1").split("\n").slice(0, -1) : []),
    signal: (name) => void child?.kill(name),
    kill,
    restart,
  };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const connected = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return connected;
}

/** Nothing is held back, looked up, or limited; a line is in the file when its batch is done. */
function configuration(home: string, port: number, socket: string, file: string): string {
  return `
global(workDirectory="${home}" net.enableDNS="off" processInternalMessages="off")
module(load="imudp")
module(load="imtcp")
module(load="imuxsock" SysSock.Use="off")
input(type="imudp" address="127.0.0.1" port="${port}" name="udp")
input(type="imtcp" address="127.0.0.1" port="${port}" name="tcp")
input(type="imuxsock" socket="${socket}" rateLimit.interval="0")
template(name="parts" type="string"
  string="%inputname%|%syslogfacility-text%|%syslogseverity-text%|%syslogtag%|%msg%\\n")
action(type="omfile" file="${file}" template="parts" asyncWriting="off")
`;
}
