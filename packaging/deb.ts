/**
 * Makes the Debian package: node deb.js PACKAGE FOLDER. PACKAGE is what src/pack/package.ts has made. Needs dpkg-deb,
 * neither root nor a compiler. Two builds of one commit are the same, octet for octet: files, modes, times and their
 * order are given here, and V8's code cache, which no two builds have in common, is left out.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { type Build, changelog, copyright, units } from "./debtexts";

/** The top of the project, from build/packaging. */
const TOP = join(__dirname, "..", "..");
const OWN = join(TOP, "packaging");

/** Where the package has the program. */
const HOME = "usr/share/pop3.proxy";
const DOC = "usr/share/doc/pop3.proxy";

/** dpkg's scripts. */
const SCRIPTS = ["postinst", "prerm", "postrm"];

/** A file of the package. */
interface Entry {
  /** Without a slash at the beginning. */
  readonly path: string;
  readonly content: string | Buffer;
  readonly executable?: boolean;
}

const read = (...path: readonly string[]) => readFileSync(join(...path), "utf8");
const gzipped = (content: string) => gzipSync(content, { level: 9 });

/** All files. @param npm the folder of the package of npm */
function entries(npm: string, build: Build): Entry[] {
  const { man } = JSON.parse(read(npm, "package.json")) as { man: readonly string[] };
  const examples = readdirSync(join(npm, "acp-examples")).map((name) => ({
    path: `${DOC}/examples/acp-examples/${name}`,
    content: read(npm, "acp-examples", name),
    executable: name !== "README.md",
  }));
  const pages = man.map((page) => ({
    path: `usr/share/man/man${page.slice(-1)}/${page.replace(/^.*\//, "")}.gz`,
    content: gzipped(read(npm, page)),
  }));
  // Debian's node, whatever PATH is.
  const main = read(npm, "dist/main.js").replace(/^#!.*/, "#!/usr/bin/node");
  const packed = read(npm, "dist/packed.js");
  return [
    { path: `${HOME}/dist/main.js`, content: main, executable: true },
    { path: `${HOME}/dist/packed.js`, content: packed },
    { path: `${HOME}/package.json`, content: read(npm, "package.json") },
    ...pages,
    ...examples,
    ...[...units(join(npm, "systemd"))].map(([name, content]) => ({ path: `usr/lib/systemd/system/${name}`, content })),
    { path: "etc/pop3.proxy.toml", content: read(OWN, "debian/pop3.proxy.toml") },
    { path: "etc/fail2ban/filter.d/pop3.proxy.conf", content: read(OWN, "fail2ban/filter.conf") },
    { path: `${DOC}/examples/fail2ban-jail.conf`, content: read(OWN, "fail2ban/jail.conf") },
    { path: `${DOC}/examples/prometheus-rules.yml`, content: read(OWN, "prometheus/pop3.proxy.rules.yml") },
    { path: `${DOC}/examples/grafana-dashboard.json`, content: read(OWN, "grafana/pop3.proxy.json") },
    {
      path: "usr/share/bash-completion/completions/pop3.proxy",
      content: read(OWN, "completions/pop3.proxy.bash"),
    },
    { path: "usr/share/zsh/vendor-completions/_pop3.proxy", content: read(OWN, "completions/_pop3.proxy") },
    {
      path: "usr/share/fish/vendor_completions.d/pop3.proxy.fish",
      content: read(OWN, "completions/pop3.proxy.fish"),
    },
    { path: `${DOC}/README.Debian`, content: read(OWN, "debian/README.Debian") },
    { path: `${DOC}/README.md.gz`, content: gzipped(read(npm, "README.md")) },
    { path: `${DOC}/SECURITY.md.gz`, content: gzipped(read(npm, "SECURITY.md")) },
    { path: `${DOC}/changelog.gz`, content: gzipped(changelog(read(npm, "CHANGELOG.md"), build)) },
    { path: `${DOC}/copyright`, content: copyright(read(npm, "LICENSE"), packed) },
  ];
}

/** Writes the package's files, and dpkg's own, below `tree`. */
function writeTree(tree: string, files: readonly Entry[], build: Build): void {
  for (const { path, content, executable } of files) {
    mkdirSync(join(tree, dirname(path)), { recursive: true });
    writeFileSync(join(tree, path), content);
    chmodSync(join(tree, path), executable ? 0o755 : 0o644);
  }
  mkdirSync(join(tree, "usr/bin"));
  symlinkSync(relative("usr/bin", `${HOME}/dist/main.js`), join(tree, "usr/bin/pop3.proxy"));
  const conffiles = files.filter(({ path }) => path.startsWith("etc/")).map(({ path }) => `/${path}\n`);
  const sums = files
    .filter(({ path }) => !path.startsWith("etc/"))
    .map(({ path, content }) => `${createHash("md5").update(content).digest("hex")}  ${path}\n`)
    .sort();
  const control = read(OWN, "debian/control")
    .replace("@VERSION@", build.version)
    .replace("@MAINTAINER@", build.maintainer)
    .replace("@SIZE@", String(kibibytes(tree)));
  mkdirSync(join(tree, "DEBIAN"));
  const own = { control, conffiles: conffiles.join(""), md5sums: sums.join("") };
  for (const [name, text] of Object.entries(own)) writeFileSync(join(tree, "DEBIAN", name), text);
  for (const name of SCRIPTS) writeFileSync(join(tree, "DEBIAN", name), read(OWN, "debian", name));
  for (const name of readdirSync(join(tree, "DEBIAN"))) {
    chmodSync(join(tree, "DEBIAN", name), SCRIPTS.includes(name) ? 0o755 : 0o644);
  }
}

/** Everything below a folder, and the folder itself. */
const below = (folder: string) => [
  folder,
  ...readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
];

/** The size as dpkg-gencontrol counts it: a file has whole KiB, all else has one. */
function kibibytes(tree: string): number {
  return below(tree)
    .map((path) => lstatSync(path))
    .reduce((sum, stat) => sum + (stat.isFile() ? Math.ceil(stat.size / 1024) : 1), 0);
}

/** Gives folders the usual mode, and everything the time of the build. */
function settle(tree: string, { epoch }: Build): void {
  for (const path of below(tree).reverse()) {
    if (lstatSync(path).isDirectory()) chmodSync(path, 0o755);
    lutimesSync(path, epoch, epoch);
  }
}

/** SOURCE_DATE_EPOCH; without it, the time of the last commit. */
function epoch(): number {
  const given =
    process.env.SOURCE_DATE_EPOCH ||
    execFileSync("git", ["-C", TOP, "log", "-1", "--format=%ct"], { encoding: "utf8" });
  if (!/^[0-9]+\n?$/.test(given)) throw new Error("SOURCE_DATE_EPOCH is not a number of seconds");
  return Number(given);
}

/** As the tools of Debian take it from the environment. */
function maintainer(): string {
  const { DEBFULLNAME = "pop3.proxy authors", DEBEMAIL = "pop3.proxy@example.org" } = process.env;
  return `${DEBFULLNAME} <${DEBEMAIL}>`;
}

function makeDeb(npm: string, folder: string): string {
  const { version } = JSON.parse(read(npm, "package.json")) as { version: string };
  const build = { version, maintainer: maintainer(), epoch: epoch() };
  const file = join(folder, `pop3.proxy_${version}_all.deb`);
  mkdirSync(folder, { recursive: true });
  const tree = mkdtempSync(join(folder, "deb-"));
  try {
    writeTree(tree, entries(npm, build), build);
    settle(tree, build);
    execFileSync("dpkg-deb", ["--root-owner-group", "-Zxz", "--build", tree, file], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(build.epoch) },
      stdio: ["ignore", "ignore", "inherit"],
    });
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
  return file;
}

const [npm, folder] = process.argv.slice(2);
if (npm === undefined || folder === undefined) throw new Error("give the folder of npm's package, and where to");
console.log(relative(process.cwd(), makeDeb(npm, folder)));
