/**
 * The command line: one table of options, each with its letter, long name, argument, help line and effect on the
 * Config. Prints nothing and ends nothing: under a superserver, stdout and stderr are the client.
 */

import { accessSync, constants, statSync } from "node:fs";
import { isIPv4, isIPv6 } from "node:net";
import { resolve } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { POP3_PORT, POP3S_PORT, parseHostPort, parsePort } from "./address";
import { type Config, defaults, type Listen, type TlsMode, type TlsVersion } from "./config";
import { parseFacility, parseSyslogAddress } from "./log/target";
import { STATUS_LIMIT } from "./protocol/response";

/** The command line can't be run as it is; the message is one line for the person who typed it. */
export class UsageFault extends Error {}

/** What the command line asks for. */
export type Request = { readonly print: string } | { readonly config: Config };

/** A Config while the options are read. */
type Draft = { -readonly [Key in keyof Config]: Config[Key] };

interface Row {
  readonly flags: string;
  readonly help: string;
  /** What the option does, each time it is given; `value` is "" if it takes none. */
  readonly set: (draft: Draft, value: string) => void;
}

/** In the manual's order; `--listen` and `-D` are put together at the end. */
const OPTIONS: readonly Row[] = [
  {
    flags: "-a, --acp <program>",
    help: "access control program; blanks separate arguments",
    set: (draft, value) => (draft.acp = program(value)),
  },
  {
    flags: "-c, --delimiters <chars>",
    help: "characters that separate user from server (default: @)",
    set: (draft, value) => (draft.delimiters = delimiters(value)),
  },
  { flags: "-d, --debug", help: "foreground, log to stderr, trace the dialogue", set: (draft) => (draft.debug = true) },
  {
    flags: "-D, --daemon",
    help: "stand alone on port 110; given twice: on [interface:]port, the first operand",
    set() {},
  },
  {
    flags: "-e, --select",
    help: "the client selects the server: user@server[:port]",
    set: (draft) => (draft.select = true),
  },
  {
    flags: "-l, --client-log <dir>",
    help: "record the last login of each client in dir/clientip",
    set: (draft, value) => (draft.clientLog = folder(value)),
  },
  { flags: "-m, --brief", help: "fewer log lines: neither connect nor login", set: (draft) => (draft.brief = true) },
  {
    flags: "-q, --source <ip>",
    help: "source address of connections to servers; once per address family",
    set: (draft, value) => source(draft, value),
  },
  {
    flags: "-s, --servers <list>",
    help: "servers that may be selected; ? and * are wildcards; needs -e",
    set: (draft, value) => (draft.servers = servers(value)),
  },
  {
    flags: "-t, --timeout <seconds>",
    help: "inactivity limit (default: 600)",
    set: (draft, value) => (draft.timeout = whole(value, "-t", MAX_SECONDS)),
  },
  {
    flags: "-u, --user <name>",
    help: "run as this user when started by root: a name, or uid[:gid] (default: nobody)",
    set: (draft, value) => (draft.user = value),
  },
  {
    flags: "-v, --prefix <prefix>",
    help: "prefix of the acp's variables (default: PROXY_)",
    set: (draft, value) => (draft.prefix = prefix(value)),
  },
  {
    flags: "--listen <[interface:]port[/tls|/starttls]>",
    help: "a listener of the daemon; may repeat; implies -D",
    set: (draft, value) => (draft.listen = [...draft.listen, listener(value)]),
  },
  { flags: "--foreground", help: "daemon without forking", set: (draft) => (draft.foreground = true) },
  {
    flags: "--pidfile <file>",
    help: "leave the daemon's process id there",
    set: (draft, value) => (draft.pidfile = resolve(value)),
  },
  { flags: "--greeting <text>", help: "text after +OK", set: (draft, value) => (draft.greeting = greeting(value)) },
  {
    flags: "--login-timeout <seconds>",
    help: "from the connection to complete credentials (default: 180)",
    set: (draft, value) => (draft.loginTimeout = whole(value, "--login-timeout", MAX_SECONDS)),
  },
  {
    flags: "--acp-timeout <seconds>",
    help: "how long the acp may take (default: 30)",
    set: (draft, value) => (draft.acpTimeout = whole(value, "--acp-timeout", MAX_SECONDS)),
  },
  {
    flags: "--max-sessions <n>",
    help: "sessions at once (default: 1000)",
    set: (draft, value) => (draft.maxSessions = whole(value, "--max-sessions", MAX_COUNT)),
  },
  {
    flags: "--max-per-client <n>",
    help: "sessions at once of one client address (default: 50)",
    set: (draft, value) => (draft.maxPerClient = whole(value, "--max-per-client", MAX_COUNT)),
  },
  {
    flags: "--syslog <address>",
    help: "log to udp://host[:port] or tcp://host[:port]",
    set: (draft, value) => (draft.syslog = syslog(value)),
  },
  {
    flags: "--facility <name>",
    help: "the syslog facility (default: mail)",
    set: (draft, value) => (draft.facility = facility(value)),
  },
  {
    flags: "--check",
    help: "check the settings and the server, tell what would run, and end",
    set: (draft) => (draft.check = true),
  },
  {
    flags: "--client-tls <mode>",
    help: "TLS for clients of inetd, systemd and -D: none, starttls, tls (default: none)",
    set: (draft, value) => (draft.clientTls = oneOf(value, "--client-tls", TLS_MODES)),
  },
  {
    flags: "--tls-cert <file>",
    help: "certificate chain for clients; may repeat, each with its --tls-key; chosen by name",
    set: (draft, value) => (draft.certificates = [...draft.certificates, { cert: resolve(value), key: "" }]),
  },
  {
    flags: "--tls-key <file>",
    help: "the key of the --tls-cert before it",
    set: (draft, value) => (draft.certificates = withKey(draft.certificates, resolve(value))),
  },
  {
    flags: "--tls-min <version>",
    help: "lowest TLS version for clients: 1.0, 1.1, 1.2, 1.3 (default: 1.2)",
    set: (draft, value) => (draft.tlsMin = oneOf(value, "--tls-min", TLS_VERSIONS)),
  },
  {
    flags: "--allow-cleartext-login",
    help: "permit logins before STLS",
    set: (draft) => (draft.cleartextLogin = true),
  },
  {
    flags: "--server-tls <mode>",
    help: "TLS to servers: none, starttls, tls (default: none; port 995: tls)",
    set: (draft, value) => (draft.serverTls = oneOf(value, "--server-tls", TLS_MODES)),
  },
  {
    flags: "--server-ca <file>",
    help: "authorities to trust for servers (default: the system's)",
    set: (draft, value) => (draft.serverCa = resolve(value)),
  },
  {
    flags: "--server-pin <sha256>",
    help: "public key of the server, in hex or base64; may repeat; instead of its certificate",
    set: (draft, value) => (draft.serverPins = [...draft.serverPins, pin(value)]),
  },
  {
    flags: "--server-cert <file>",
    help: "client certificate for servers",
    set: (draft, value) => (draft.serverCert = resolve(value)),
  },
  {
    flags: "--server-key <file>",
    help: "the key of --server-cert",
    set: (draft, value) => (draft.serverKey = resolve(value)),
  },
  {
    flags: "--server-tls-min <version>",
    help: "lowest TLS version for servers (default: 1.2)",
    set: (draft, value) => (draft.serverTlsMin = oneOf(value, "--server-tls-min", TLS_VERSIONS)),
  },
  { flags: "--capa", help: "answer CAPA", set: (draft) => (draft.capa = true) },
  { flags: "--demo", help: "a built-in sample maildrop is the server", set: (draft) => (draft.demo = true) },
];

const TLS_MODES: readonly TlsMode[] = ["none", "starttls", "tls"];
const TLS_VERSIONS: readonly TlsVersion[] = ["1.0", "1.1", "1.2", "1.3"];

const MAX_SECONDS = 1_000_000;
const MAX_COUNT = 1_000_000;

/**
 * @param argv what stands behind the command's name
 * @param version what --version tells
 * @throws UsageFault
 */
export function parseCommandLine(argv: readonly string[], version: () => string): Request {
  const draft: Draft = { ...defaults };
  const program = new Command("pop3.proxy")
    .usage("[options] [server[:port]]")
    .helpOption("-h, --help", "this text")
    .allowExcessArguments(true)
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} });
  let daemon = 0;
  let asked = false;
  for (const { flags, help, set } of OPTIONS) {
    const option = new Option(flags, help);
    program.addOption(option);
    program.on(`option:${option.name()}`, (value?: string) => set(draft, value ?? ""));
  }
  program.on("option:daemon", () => daemon++);
  program.option("--version", "the version").on("option:version", () => {
    asked = true;
  });
  try {
    program.parse([...argv], { from: "user" });
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.code === "commander.helpDisplayed") {
      return { print: program.helpInformation() };
    }
    if (thrown instanceof CommanderError) throw new UsageFault(thrown.message.replace(/^error: /, ""));
    throw thrown;
  }
  if (asked) return { print: `pop3.proxy ${version()}\n` };
  return { config: completed(draft, daemon, program.args) };
}

/** Puts the operands and the options together, and refuses what makes no sense. */
function completed(draft: Draft, daemon: number, operands: readonly string[]): Config {
  const rest = [...operands];
  if (draft.listen.length > 0) {
    if (daemon > 1) throw new UsageFault("-DD and --listen exclude each other");
  } else if (daemon > 1) {
    const first = rest.shift();
    if (first === undefined) throw new UsageFault("-DD takes [interface:]port as first operand");
    draft.listen = [listener(first)];
  } else if (daemon === 1) {
    draft.listen = [{ host: null, port: POP3_PORT }];
  }
  const [server, ...excess] = rest;
  if (excess.length > 0) throw new UsageFault(`too many operands: ${excess.join(" ")}`);
  if (server !== undefined && server !== "-") {
    if (draft.demo) throw new UsageFault("--demo brings its own server");
    draft.server = parseHostPort(server);
    if (!draft.server) throw new UsageFault(`not a server: ${server}`);
  } else if (!draft.demo && !draft.select) {
    throw new UsageFault("no server: name one, or let the client select it with -e");
  }
  soundTls(draft);
  if (draft.servers !== null && !draft.select) throw new UsageFault("-s needs -e");
  return Object.freeze(draft);
}

function whole(text: string, option: string, most: number): number {
  const number = /^[0-9]{1,7}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) throw new UsageFault(`${option} takes a whole number of 1 to ${most}, not ${text}`);
  return number;
}

/** `[interface:]port[/tls|/starttls]`; an IPv6 interface wears brackets. */
function listener(text: string): Listen {
  const parts = /^(?:(?:\[([^\]]+)\]|([^:[\]/]+)):)?([0-9]+)(?:\/(tls|starttls))?$/.exec(text);
  const port = parsePort(parts?.[3] ?? "", true);
  if (!parts || port === null) throw new UsageFault(`not [interface:]port[/tls|/starttls]: ${text}`);
  const tls = parts[4] as TlsMode | undefined;
  return { host: parts[1] ?? parts[2] ?? null, port, ...(tls && { tls }) };
}

/** What options about TLS need of each other. */
function soundTls({
  listen,
  clientTls,
  certificates,
  server,
  serverTls,
  serverPins,
  serverCert,
  serverKey,
  demo,
}: Draft): void {
  const modes = [clientTls, ...listen.map(({ tls }) => tls ?? clientTls)];
  const secure = modes.some((mode) => mode !== "none");
  if (certificates.some(({ key }) => key === "")) throw new UsageFault("each --tls-cert needs its --tls-key");
  if (secure && certificates.length === 0) throw new UsageFault("TLS for clients needs --tls-cert and --tls-key");
  if ((serverCert === null) !== (serverKey === null))
    throw new UsageFault("--server-cert and --server-key need each other");
  if (serverPins.length > 0 && !server) throw new UsageFault("--server-pin needs a fixed server");
  // Nobody should believe that a connection is encrypted which is not.
  const near = demo || (server !== null && /^(?:localhost|127\.[0-9.]+|::1)$/.test(server.host));
  if (secure && serverTls === null && !near && server?.port !== POP3S_PORT) {
    throw new UsageFault("TLS for clients wants --server-tls said; none, too");
  }
}

function withKey(certificates: Config["certificates"], key: string): Config["certificates"] {
  const last = certificates.at(-1);
  if (last?.key !== "") throw new UsageFault("--tls-key stands behind its --tls-cert");
  return [...certificates.slice(0, -1), { ...last, key }];
}

/** SHA-256 as hex, from hex or base64. */
function pin(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  if (/^[A-Za-z0-9+/]{43}=?$/.test(text)) return Buffer.from(text, "base64").toString("hex");
  throw new UsageFault(`--server-pin takes a SHA-256 in hex or base64, not ${text}`);
}

function oneOf<Choice extends string>(text: string, option: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((one) => one === text);
  if (choice === undefined) throw new UsageFault(`${option} takes one of ${choices.join(", ")}, not ${text}`);
  return choice;
}

/** The greeting as octets; a time stamp in it would invite APOP, which is not permitted (RFC 1939, 7). */
function greeting(text: string): string {
  const octets = Buffer.from(text).toString("latin1");
  if (/[\x00-\x1f\x7f]/.test(octets)) throw new UsageFault("--greeting must not hold control characters");
  if (/<[^>]*@[^>]*>/.test(octets)) throw new UsageFault("--greeting must not hold an APOP time stamp");
  if (octets.startsWith("[")) throw new UsageFault("--greeting must not begin with a response code");
  if (octets.length > STATUS_LIMIT - "+OK \r\n".length) throw new UsageFault("--greeting is too long");
  return octets;
}

function syslog(text: string): string {
  return sound(text, parseSyslogAddress);
}

function facility(text: string): string {
  return sound(text, parseFacility);
}

/** The text itself, if it can be understood. */
function sound(text: string, parse: (text: string) => unknown): string {
  try {
    parse(text);
  } catch (thrown) {
    throw new UsageFault((thrown as Error).message);
  }
  return text;
}

/** A program and its arguments; a path is meant from where the command was typed. */
function program(text: string): string[] {
  const [path = "", ...words] = text.split(/[ \t]+/).filter(Boolean);
  const found = path.includes("/") ? resolve(path) : path;
  if (path === "") throw new UsageFault("-a takes a program");
  if (path.includes("/") && !isProgram(found)) throw new UsageFault(`-a: ${found} can't be run`);
  return [found, ...words];
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function folder(text: string): string {
  const path = resolve(text);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new UsageFault(`-l: ${path} is not a directory`);
  return path;
}

/** Characters that can't be part of a server's name or address. */
function delimiters(text: string): string {
  if (!/^[!-,/:-@\\^`{-~]+$/.test(text))
    throw new UsageFault(`-c takes characters that no server has in its name, not ${text}`);
  return text;
}

function source(draft: Draft, text: string): void {
  if (isIPv4(text)) draft.source4 = text;
  else if (isIPv6(text)) draft.source6 = text;
  else throw new UsageFault(`-q takes an IP address, not ${text}`);
}

function servers(text: string): string {
  const { AllowList } = require("./policy/allowlist") as typeof import("./policy/allowlist.js");
  return sound(text, (list) => new AllowList(list));
}

/** A prefix that makes no variable that somebody else listens to. */
function prefix(text: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text) && !/^(?:LD_|NODE_|PATH|BASH|ENV|IFS|PERL|PYTHON)/.test(text)) return text;
  throw new UsageFault(`-v can't take the prefix ${text}`);
}
