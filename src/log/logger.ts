/**
 * A wire to the local syslog daemon behind /dev/log, a Unix datagram socket, which Node can't open. The wire is one
 * child process `logger` (util-linux); the outlet starts it at the first message, and again after its end.
 *
 * With --stderr, logger repeats each message on stderr after it has sent the message: that is the receipt. With
 * --socket-errors=on, logger ends when there is no daemon. A message without a receipt stays in the outlet's bounded
 * queue and is sent again through the next logger. A message is logged twice if logger is killed between sending and
 * receipt. Messages in a daemon's own queue are lost, and not counted, if the daemon is killed.
 */

import { spawn } from "node:child_process";
import type { Socket } from "node:net";
import { plain, severities, TAG } from "./destination";
import type { Level } from "./events";
import type { OpenWire, WireEvents } from "./outlet";

/** The most octets of a message's text. logger splits a message at 1024 octets, and its header is a part of them. */
const TEXT_BOUND = 960;

/**
 * A shell that ignores signals and becomes logger. Signals to a terminal's foreground, or to all of a systemd unit,
 * would end logger before the gateway's last messages; it ends when the gateway closes its stdin. SIGPIPE is ignored so
 * that logger goes on when the gateway reads no more receipts.
 */
const SHELL = ["-c", 'trap "" HUP INT QUIT TERM PIPE; exec "$@"', "sh"];

/** The line that logger writes before the receipt of a message that it could not send. */
const FAILED = /^[^<]*send message failed/;

/** How much of an unfinished line is kept, in characters: enough for its first octets and for `FAILED`. */
const KIND = 80;

/**
 * A message as logger --prio-prefix reads it.
 *
 * @param facility the facility's number; logger replaces kern (0) by the facility of its option -p
 */
export function loggerLine(facility: number, level: Level, text: string): Buffer {
  return Buffer.from(`<${facility * 8 + severities[level]}>${plain(text, TEXT_BOUND)}\n`, "latin1");
}

/**
 * A wire through logger.
 *
 * @param program logger's file, or its name in /usr/bin or /bin
 * @param path the daemon's socket
 */
export function loggerWire(program: string, path: string): OpenWire {
  return (events) => {
    const own = ["--prio-prefix", "--stderr", "--socket-errors=on", `--id=${process.pid}`];
    const { TZ } = process.env;
    const child = spawn("/bin/sh", [...SHELL, program, ...own, "-t", TAG, "-p", "mail.info", "-u", path], {
      cwd: "/",
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C", ...(TZ === undefined ? {} : { TZ }) },
      stdio: ["pipe", "ignore", "pipe"],
    });
    child.on("error", () => events.closed(true));
    // If no descriptor is free, the child has no pipes, and "error" follows.
    const stdin = child.stdin as Socket | null;
    const stderr = child.stderr as Socket | null;
    stdin?.on("error", () => {});
    stderr?.on("error", () => {});
    if (stderr) readReceipts(stderr, events);
    // "close", not "exit": only then have the last receipts been read.
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    child.once("close", () => events.closed(true));
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

function readReceipts(stderr: Socket, events: WireEvents): void {
  let rest = "";
  stderr.setEncoding("latin1").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = (lines.pop() ?? "").slice(0, KIND);
    events.lost(lines.filter((line) => FAILED.test(line)).length);
    events.taken(lines.filter((line) => line.startsWith("<")).length);
  });
}
