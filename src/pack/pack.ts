/**
 * The last step of the build. It packs the program and its packages into one script, whose imports load at their first
 * use (late.ts). It makes V8's code cache of the script, in a session as under a superserver. It puts launcher.ts,
 * which runs both, in the place of main.js. Without the cache the program works as well, but starts later.
 */

import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join, relative } from "node:path";
import { type BuildOptions, build, type OnLoadArgs, type OnLoadResult } from "esbuild";
import { createDemoServer } from "../demo/server";
import { late } from "./late";
import { licenses } from "./licenses";
import { cacheFile, readPack, runPack, scriptFile, workerFile } from "./script";

/** The argument by which the child knows that it is to make the cache. */
const REHEARSAL = "rehearsal";

/** How long the rehearsal may take, in milliseconds. */
const PATIENCE = 60_000;

/** The client's commands in the session of the child. */
const SESSION = ["USER demo", "PASS demo", "STAT", "LIST", "UIDL", "RETR 1", "TOP 1 0", "DELE 1", "NOOP", "QUIT"];

/** The folder of the program that tsc has compiled. */
const FOLDER = join(__dirname, "..");
const MAIN = join(FOLDER, "main.js");
const PACKED = scriptFile(FOLDER);
const CACHE = cacheFile(FOLDER);
const WORKER = workerFile(FOLDER);

const BUNDLE = {
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  logLevel: "warning",
} satisfies BuildOptions;

async function makePack(): Promise<void> {
  rmSync(CACHE, { force: true });
  await pack();
  await packWorker();
  try {
    await rehearsed();
    if (readPack(FOLDER).cachedDataRejected !== false) throw new Error("V8 does not take it");
  } catch (thrown) {
    rmSync(CACHE, { force: true });
    process.stderr.write(`pack: no code cache, so a session under inetd starts later: ${(thrown as Error).message}\n`);
  }
  await build({
    ...BUNDLE,
    entryPoints: [join(__dirname, "launcher.js")],
    outfile: `${MAIN}.new`,
    banner: { js: "#!/usr/bin/env node" },
  });
  chmodSync(`${MAIN}.new`, 0o755);
  put(MAIN);
}

/** Puts a new file in its place, after fsync: V8 accepts a cache of which a part is missing. */
function put(file: string): void {
  const fd = openSync(`${file}.new`, "r");
  fsyncSync(fd);
  closeSync(fd);
  renameSync(`${file}.new`, file);
}

/** Makes the script: the program, and the packages that it imports. */
async function pack(): Promise<void> {
  const { metafile } = await build({
    ...BUNDLE,
    metafile: true,
    entryPoints: [join(FOLDER, "app", "program.js")],
    outfile: `${PACKED}.new`,
    banner: { js: "(function (module, exports, require, __filename, __dirname) {" },
    footer: { js: "})" },
    plugins: [{ name: "late", setup: (building) => building.onLoad({ filter: /\.js$/ }, lateImports) }],
  });
  const script = readFileSync(`${PACKED}.new`, "utf8");
  writeFileSync(`${PACKED}.new`, licenses(Object.keys(metafile.inputs)) + script);
  put(PACKED);
}

/** Makes the script of the HTTP thread, which is read with --metrics only. */
async function packWorker(): Promise<void> {
  const { metafile } = await build({
    ...BUNDLE,
    metafile: true,
    minifySyntax: true,
    entryPoints: [join(FOLDER, "metrics", "worker.js")],
    outfile: `${WORKER}.new`,
  });
  const script = readFileSync(`${WORKER}.new`, "utf8");
  writeFileSync(`${WORKER}.new`, licenses(Object.keys(metafile.inputs)) + script);
  put(WORKER);
}

/** Makes the imports of the program's own modules late; packages are left as they are. */
function lateImports({ path }: OnLoadArgs): OnLoadResult | null {
  const own = relative(FOLDER, path);
  if (own.startsWith("..") || own.includes("node_modules")) return null;
  return { contents: late(readFileSync(path, "utf8")), loader: "js" };
}

/** Starts a child that serves one session and writes the cache. @throws Error if the child fails */
async function rehearsed(): Promise<void> {
  const server = createDemoServer();
  const log = createSocket("udp4").bind(0, "127.0.0.1");
  await once(log, "listening");
  const inetd = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
  await once(inetd, "listening");
  const client = connect((inetd.address() as AddressInfo).port, "127.0.0.1");
  const [accepted] = (await once(inetd, "connection")) as [Socket];
  // -u root: without it root would be dropped, and the user might not be permitted to read and write this folder.
  const argv = [
    "-u",
    "root",
    "--syslog",
    `udp://127.0.0.1:${log.address().port}`,
    `127.0.0.1:${await server.listen()}`,
  ];
  const child = spawn(process.execPath, [__filename, REHEARSAL, ...argv], {
    stdio: [accepted, "ignore", "inherit"],
    timeout: PATIENCE,
  });
  accepted.destroy();
  client.resume().end(SESSION.map((line) => `${line}\r\n`).join(""));
  const [status, signal] = await once(child, "exit");
  client.destroy();
  log.close();
  inetd.close();
  await server.close();
  if (status !== 0) throw new Error(`the rehearsal ended: ${signal ?? `exit status ${status}`}`);
}

/** The child: the program as launcher.ts runs it. */
function rehearse(argv: readonly string[]): void {
  const script = readPack(FOLDER);
  process.on("exit", () => {
    writeFileSync(`${CACHE}.new`, script.createCachedData());
    put(CACHE);
  });
  runPack(script, FOLDER).main(argv, true);
}

const [role, ...argv] = process.argv.slice(2);
if (role === REHEARSAL) rehearse(argv);
else void makePack();
