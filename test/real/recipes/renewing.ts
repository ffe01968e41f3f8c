/** The recipe "Renewal by certbot", with a folder of the test in place of "/", and ids of this machine. */

import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { type Daemon, udpDaemon } from "../../log/daemons";
import { startDemo } from "../../stage/demo";
import { connectTls } from "../../stage/dialogue";
import { atEnd } from "../../stage/ending";
import { recipe } from "../../stage/manual";
import type { Peer } from "../../stage/peer";
import { until } from "../../stage/waiting";
import { ordinary, program, run } from "../programs";
import { scratch } from "../scratch";
import { install, PLACE, replaced } from "./gateway";

/** The lines of the unit; its script; the daemon; its script; how it is run by hand. */
export const [unitLines = "", restarting = "", daemon = "", copying = "", first = ""] = recipe("Renewal by certbot");

/** Whoever runs the tests is root to the scripts; the ordinary user is the gateway's. */
export const owner = process.getuid?.();
export const { uid: user = owner, gid: group = process.getgid?.() } = ordinary;

/** A folder in place of "/", and the log of the system. */
export interface Place {
  readonly home: string;
  readonly log: Daemon;
}

export async function placeFor(t: TestContext): Promise<Place> {
  const [home, log] = [scratch(t), await udpDaemon(t)];
  await log.start();
  return { home, log };
}

/** Waits for so many lines of the log. */
export async function logged({ log: { lines } }: Place, line: RegExp, count = 1): Promise<string[]> {
  const found = () => lines.filter((one) => line.test(one));
  await until(
    () => found().length >= count,
    () => lines.join("\n"),
    { progress: () => lines.length },
  );
  return found();
}

/** The line of a script that has failed: err of facility mail. */
export const FAILED = /^<19>.* \/\S+\/deploy\/pop3\.proxy has failed$/;

/** A block of the recipe as it is tried in this place. */
export function tried(block: string, { home, log }: Place): string {
  const words = [
    ...["/etc/letsencrypt", "/etc/pop3.proxy", "/run/"].map((folder) => [folder, home + folder] as const),
    ["-o root", `-o ${owner}`],
    ["-g pop3proxy", `-g ${group}`],
    ["-u pop3proxy", `-u ${user}`],
    ["--user pop3proxy", `--user ${user}`],
    ["logger -p", `logger --server 127.0.0.1 --udp --port ${log.port} -p`],
  ] as const;
  return replaced(block, Object.fromEntries(words.filter(([word]) => block.includes(word))));
}

/** The folder of a certificate of this name. */
export function lineage({ home }: Place, name = "pop.example.org"): string {
  return join(home, "etc/letsencrypt/live", name);
}

/** Runs the script after the renewal of a certificate; null: of none. @returns whether it has succeeded */
export type Hook = (folder: string | null) => Promise<boolean>;

/** Puts a script where certbot looks for it. @returns how certbot would run it */
export function hook(place: Place, script: string): Hook {
  const file = join(place.home, "etc/letsencrypt/renewal-hooks/deploy/pop3.proxy");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, tried(script, place));
  chmodSync(file, 0o755);
  return async (folder) => {
    const env = folder === null ? {} : { RENEWED_LINEAGE: folder };
    return (await run(program("sh"), ["-c", file], { env, asRoot: true })).code === 0;
  };
}

/** Runs the script by hand, as the recipe tells, with a strict umask. */
export async function byHand(place: Place): Promise<void> {
  const { code, stderr } = await run(program("sh"), ["-c", `umask 077; ${tried(first, place)}`], { asRoot: true });
  assert.deepEqual([code, stderr], [0, ""]);
}

/** A running daemon of the recipe. */
export interface Serving {
  readonly pidfile: string;
  connect(): Promise<Peer>;
  /** The fingerprint of the certificate that a new client gets to see. */
  shown(): Promise<string | undefined>;
  stop(): Promise<void>;
}

/** Starts the daemon of the recipe. */
export async function serve(t: TestContext, place: Place): Promise<Serving> {
  const { port } = await startDemo(t);
  const pidfile = join(place.home, "run/pop3.proxy.pid");
  mkdirSync(dirname(pidfile));
  const command = replaced(tried(daemon, place), {
    [PLACE]: `${install(place.home)} --syslog udp://127.0.0.1:${place.log.port}`,
    "mail.example.org:995": `127.0.0.1:${port}`,
    " 110/": " 127.0.0.1:0/",
    " 995/": " 127.0.0.1:0/",
  });
  const started = await run(program("sh"), ["-c", command], { asRoot: true });
  assert.equal(started.code, 0, started.stderr);
  const pid = readFileSync(pidfile, "latin1");
  const stop = async () => {
    const stopped = () => {
      if (!existsSync(pidfile) || readFileSync(pidfile, "latin1") !== pid) return true;
      try {
        // The second signal closes the sessions.
        return !process.kill(Number(pid));
      } catch {
        return true; // it has just ended
      }
    };
    await until(stopped, "the end of the daemon", { every: 50 });
  };
  atEnd(t, stop);
  const listening = await logged(place, / listen /, 2);
  const tls = Number(/ port=(\d+)/.exec(listening[1] as string)?.[1]);
  const connect = () => connectTls(tls, { rejectUnauthorized: false }, t);
  const shown = async () => {
    const client = await connect();
    const certificate = client.tls?.getPeerX509Certificate();
    client.destroy();
    return certificate?.fingerprint256;
  };
  return { pidfile, connect, shown, stop };
}
