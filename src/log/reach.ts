/** Whether a log daemon can be reached, tried once before the first line: an administrator is there to be told. */

import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import { showHostPort } from "../base/address";
import { reasonOf, type SystemFault } from "../base/faults";
import { timeLimit } from "../base/timelimit";
import type { Warning } from "../base/warning";
import type { SyslogTarget } from "../config/syslog";

/** How long the try may take, in milliseconds: the start waits for it. */
const LIMIT = 1000;

/** What is to be warned of; null: the name is known and, over TCP, a daemon listens. UDP has no answer to wait for. */
export async function reachWarning(target: SyslogTarget): Promise<Warning | null> {
  const fault = await whyUnreached(target);
  if (fault === null) return null;
  const { transport, host, port } = target;
  const reason = `--syslog ${transport}://${showHostPort(host, port)}: ${fault}; log lines are lost until it is there`;
  return { code: "log-unreachable", reason };
}

/** Why the daemon can't be reached, in words; null: it can. */
function whyUnreached({ transport, host, port }: SyslogTarget): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = transport === "tcp" ? connect({ host, port }) : null;
    const over = (fault: string | null) => {
      endLimit();
      socket?.destroy();
      resolve(fault);
    };
    const failed = (fault: SystemFault) => over(reasonOf(fault));
    const endLimit = timeLimit(LIMIT, () => over("no answer in time"));
    if (socket) socket.once("connect", () => over(null)).on("error", failed);
    else lookup(host).then(() => over(null), failed);
  });
}
