/** Whether a log daemon can be reached, tried once before the first line: an administrator is there to be told. */

import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import { showHostPort } from "../base/address";
import { reasonOf } from "../base/faults";
import type { Warning } from "../base/warning";
import type { SyslogTarget } from "../config/syslog";

/** How long the try may take, in milliseconds: the start waits for it. */
const LIMIT = 1000;

/** What is to be warned of; null: the name is known and, over TCP, a daemon listens. UDP has no answer to wait for. */
export async function reachWarning({ transport, host, port }: SyslogTarget): Promise<Warning | null> {
  const timeout = new Promise<string>((resolve) => setTimeout(resolve, LIMIT, "no answer in time").unref());
  const fault = await Promise.race([timeout, transport === "tcp" ? connected(host, port) : known(host)]);
  if (fault === null) return null;
  const reason = `--syslog ${transport}://${showHostPort(host, port)}: ${fault}; log lines are lost until it is there`;
  return { code: "log-unreachable", reason };
}

function known(host: string): Promise<string | null> {
  return lookup(host).then(() => null, reasonOf);
}

function connected(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const over = (fault: string | null) => {
      socket.destroy();
      resolve(fault);
    };
    socket.setTimeout(LIMIT, () => over("no answer in time"));
    socket.once("connect", () => over(null));
    socket.on("error", (fault) => over(reasonOf(fault)));
  });
}
