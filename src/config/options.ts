/**
 * The table of options: letter, long name, argument, help line, effect.
 */

import { resolve } from "node:path";
import type { Draft } from "./settings";
import {
  delimiters,
  facility,
  folder,
  greeting,
  listener,
  MAX_COUNT,
  MAX_SECONDS,
  oneOf,
  pin,
  prefix,
  program,
  servers,
  source,
  syslog,
  TLS_MODES,
  TLS_VERSIONS,
  whole,
  withKey,
} from "./values";

export interface OptionRow {
  readonly flags: string;
  readonly help: string;
  /** What the option does, each time it is given; `value` is "" if it takes none. */
  readonly set: (draft: Draft, value: string) => void;
}

/** In the manual's order; `--listen` and `-D` are put together at the end. */
export const OPTIONS: readonly OptionRow[] = [
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
