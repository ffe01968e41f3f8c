/**
 * The local syslog daemon behind /dev/log, a datagram socket of a kind that Node can't open: through one `logger`
 * (util-linux), a coprocess that is started at the first message and again when it has died.
 * With --stderr it repeats each message after it has sent it: that is our receipt. With --socket-errors=on it ends when
 * there is no daemon. So whatever has no receipt waits here, bounded, and is sent again through the next logger; a
 * message between sending and receipt when a logger is killed comes twice. What a daemon's own queue holds when the
 * daemon is killed is lost, and nobody learns of it.
 */

import { spawn } from "node:child_process";
import type { Socket } from "node:net";
import { plain, severities, TAG } from "./destination";
import type { Level } from "./line";
import type { OpenWire, WireEvents } from "./outlet";

/** Octets of a message's text: logger takes 1024 and makes a second message of the rest; its header wants some, too. */
const TEXT_BOUND = 960;

/**
 * Signals for a terminal's foreground, or for all of a systemd unit, are not meant for it: it ends when we do, after
 * our last words. Nor does it end for want of somebody who reads its receipts.
 */
const SHELL = ["-c", 'trap "" HUP INT QUIT TERM PIPE; exec "$@"', "sh"];

/** What it says of a message that it could not send, before the receipt. */
const FAILED = /^[^<]*send message failed/;

/** As much of a line as tells what kind it is. */
const KIND = 80;

/**
 * A message as logger reads it.
 * @param facility its number; of kern (0) logger makes that of its -p, so messages of the kernel's can't be had
 */
export function loggerLine(facility: number, level: Level, text: string): Buffer {
  return Buffer.from(`<${facility * 8 + severities[level]}>${plain(text, TEXT_BOUND)}\n`, "latin1");
}

/**
 * @param program logger's file, or its name in /usr/bin or /bin
 * @param path the daemon's socket
 */
export function loggerWire(program: string, path: string): OpenWire {
  return (tell) => {
    const own = ["--prio-prefix", "--stderr", "--socket-errors=on", `--id=${process.pid}`];
    const { TZ } = process.env;
    const child = spawn("/bin/sh", [...SHELL, program, ...own, "-t", TAG, "-p", "mail.info", "-u", path], {
      cwd: "/",
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C", ...(TZ === undefined ? {} : { TZ }) },
      stdio: ["pipe", "ignore", "pipe"],
    });
    child.on("error", () => tell.gone(true));
    // Without descriptors to spare there are no pipes, but an "error" that is on its way.
    const stdin = child.stdin as Socket | null;
    const stderr = child.stderr as Socket | null;
    stdin?.on("error", () => {});
    stderr?.on("error", () => {});
    if (stderr) readReceipts(stderr, tell);
    // Not "exit": by "close" the last receipts have been read.
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    child.once("close", () => tell.gone(true));
    child.unref();
    stdin?.unref();
    stderr?.unref();
    return {
      send: (messages) => void stdin?.write(Buffer.concat(messages)),
      end() {
        stdin?.end();
        return closed;
      },
      drop() {
        stdin?.destroy();
        stderr?.destroy();
      },
    };
  };
}

function readReceipts(stderr: Socket, tell: WireEvents): void {
  let rest = "";
  stderr.setEncoding("latin1").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = (lines.pop() ?? "").slice(0, KIND);
    tell.lost(lines.filter((line) => FAILED.test(line)).length);
    tell.taken(lines.filter((line) => line.startsWith("<")).length);
  });
}
