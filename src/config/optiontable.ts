/**
 * The table of options, as data: each row says how an option is written, which value it sets, what kind of value that
 * is, and what --help says of it.
 */

import { accessControl, httpHeader } from "./authhttp";
import { type Draft, defaults, type Options } from "./options";
import { clamd, command, listenAddress, sshHost } from "./places";
import {
  address,
  delimiters,
  facility,
  folder,
  greeting,
  type Kind,
  LOG_FORMATS,
  mechanisms,
  networks,
  number,
  OVERSIZE,
  oneOf,
  path,
  pin,
  prefix,
  proxyVersion,
  seconds,
  servers,
  syslog,
  TLS_MODES,
  TLS_VERSIONS,
  user,
} from "./values";

/** One option. */
export interface OptionRow {
  /** As commander wants it: `-t, --timeout <seconds>`. */
  readonly flags: string;
  /** The heading in --help under which the option stands. */
  readonly group: string;
  readonly help: string;
  /** The default in words; absent: there is none to show. */
  readonly shown?: string;
  /** Whether the value may be a secret, which no message has. */
  readonly secret?: true;
  /** What the option does, each time it is given. @throws Error that says what to give instead */
  readonly set: (draft: Draft, text: string) => void;
}

type Key = keyof Options;
type Element<Array> = Array extends readonly (infer One)[] ? One : never;

/** An option with a value; the last one given counts. */
function value<K extends Key>(flags: string, key: K, kind: Kind<NonNullable<Options[K]>>, help: string) {
  const standard = defaults[key];
  const shown = standard === undefined ? "" : kind.show(standard);
  return {
    flags,
    help,
    ...(shown !== "" && { shown }),
    set: (draft: Draft, text: string) => {
      draft[key] = kind.parse(text) as Draft[K];
    },
  };
}

/** An option with a value that may be given several times. */
function each<K extends "authHttpHeaders" | "listen" | "serverPins" | "sources" | "tlsCerts" | "tlsKeys">(
  flags: string,
  key: K,
  kind: Kind<Element<Options[K]>>,
  help: string,
) {
  return {
    flags,
    help,
    set: (draft: Draft, text: string) => {
      draft[key] = [...draft[key], kind.parse(text)] as unknown as Draft[K];
    },
  };
}

type Flag = { [K in Key]: Options[K] extends boolean ? K : never }[Key];

/** An option without a value. */
function flag(flags: string, key: Flag, help: string) {
  return {
    flags,
    help,
    set: (draft: Draft) => {
      draft[key] = true;
    },
  };
}

function group(heading: string, ...rows: readonly Omit<OptionRow, "group">[]): OptionRow[] {
  return rows.map((row) => ({ ...row, group: heading }));
}

/** All options but --version and --help, in the order of --help. */
export const OPTIONS: readonly OptionRow[] = [
  ...group(
    "Start:",
    {
      flags: "-D, --daemon",
      help: "stand alone on port 110; given twice: on [interface:]port, the first operand",
      set: (draft) => {
        draft.daemon++;
      },
    },
    each(
      "--listen <[interface:]port[/tls|/starttls][/proxy][=server]>",
      "listen",
      listenAddress,
      "a listener, perhaps with a default server of its own; may repeat; implies -D",
    ),
    flag("--client-proxy", "clientProxy", "for inetd, systemd and -D: a PROXY header comes first"),
    value(
      "--proxy-from <cidr,...>",
      "proxyFrom",
      networks,
      "who may send PROXY headers; on such listeners, nobody else",
    ),
    flag("--foreground", "foreground", "a daemon that does not go into the background"),
    value("--pidfile <file>", "pidfile", path, "where the daemon leaves its process id"),
    value("-u, --user <name>", "user", user, "run as this user when started by root: a name, or uid[:gid]"),
    flag("-d, --debug", "debug", "foreground, log to stderr, trace the dialogue with secrets masked"),
    flag("--check", "check", "check the settings and the server, tell what would run, and end"),
    flag("--demo", "demo", "a built-in sample maildrop is the server"),
  ),
  ...group(
    "Server and access:",
    flag("-e, --select", "select", "the client selects the server: user@server[:port]"),
    value("-s, --servers <list>", "servers", servers, "servers that may be selected; ? and * are wildcards; needs -e"),
    value("-c, --delimiters <chars>", "delimiters", delimiters, "characters that separate user from server"),
    value("-a, --acp <program>", "acp", accessControl, "access control: a program, or the URL of an auth_http service"),
    value("-v, --prefix <prefix>", "prefix", prefix, "prefix of the program's variables"),
    value("--acp-timeout <seconds>", "acpTimeout", seconds, "how long that may take"),
    {
      ...each("--auth-http-header <header>", "authHttpHeaders", httpHeader, "'name: value' of requests; may repeat"),
      secret: true,
    },
    value("-l, --client-log <dir>", "clientLog", folder, "record the last login of each client in dir/clientip"),
    value("--via <command>", "via", command, "the server's connection is this command's input and output; %h, %p"),
    value("--ssh <[user@]host>", "ssh", sshHost, "reach servers through ssh to this host, with one login for all"),
    value(
      "--send-proxy <version>",
      "sendProxy",
      proxyVersion,
      "tell servers by a PROXY header who the client is: 1, 2",
    ),
    each("-q, --source <ip>", "sources", address, "source address of connections to servers; once per address family"),
  ),
  ...group(
    "Virus scanning:",
    flag("-z, --scan", "scan", "scan every mail with clamd"),
    value("--clamd <address>", "clamd", clamd, "clamd's host:port, or its socket (default: 127.0.0.1:3310)"),
    value("--quarantine <dir>", "quarantine", folder, "keep infected mails in dir"),
    value("--scan-oversize <what>", "scanOversize", oneOf(OVERSIZE), "a mail over clamd's limit: refuse, or notify"),
  ),
  ...group(
    "TLS towards clients:",
    value("--client-tls <mode>", "clientTls", oneOf(TLS_MODES), "for inetd, systemd and -D: none, starttls, tls"),
    each("--tls-cert <file>", "tlsCerts", path, "certificate chain; may repeat, each with its key; chosen by name"),
    each("--tls-key <file>", "tlsKeys", path, "the key of a --tls-cert, in the same order"),
    value("--tls-min <version>", "tlsMin", oneOf(TLS_VERSIONS), "lowest version: 1.0, 1.1, 1.2, 1.3"),
    flag("--allow-cleartext-login", "cleartextLogin", "permit logins before STLS"),
  ),
  ...group(
    "TLS towards servers:",
    value("--server-tls <mode>", "serverTls", oneOf(TLS_MODES), "none, starttls, tls (default: none; port 995: tls)"),
    value("--server-ca <file>", "serverCa", path, "authorities to trust (default: the system's)"),
    each(
      "--server-pin <sha256>",
      "serverPins",
      pin,
      "public key, in hex or base64; may repeat; instead of a certificate",
    ),
    value("--server-cert <file>", "serverCert", path, "client certificate"),
    value("--server-key <file>", "serverKey", path, "the key of --server-cert"),
    value("--server-tls-min <version>", "serverTlsMin", oneOf(TLS_VERSIONS), "lowest version: 1.0, 1.1, 1.2, 1.3"),
  ),
  ...group(
    "Dialogue and limits:",
    value("--greeting <text>", "greeting", greeting, "text after +OK"),
    flag("--capa", "capa", "answer CAPA"),
    value("--auth <mechanisms>", "mechanisms", mechanisms, "permit AUTH with these of PLAIN, OAUTHBEARER, XOAUTH2"),
    flag("--utf8", "utf8", "permit UTF8"),
    flag("--xclient", "xclient", "tell servers that offer XCLIENT who the client is"),
    {
      flags: "--no-pipelining",
      help: "servers get one command at a time, also those that list PIPELINING",
      set: (draft) => {
        draft.pipelining = false;
      },
    },
    value("-t, --timeout <seconds>", "timeout", seconds, "inactivity limit"),
    value("--login-timeout <seconds>", "loginTimeout", seconds, "from the connection to complete credentials"),
    value("--server-timeout <seconds>", "serverTimeout", seconds, "to reach a server; again for its greeting and TLS"),
    value("--max-sessions <n>", "maxSessions", number, "sessions at once"),
    value("--max-per-client <n>", "maxPerClient", number, "sessions at once of one client"),
    value("--exempt <cidr,...>", "exempt", networks, "clients with neither delays after refused logins nor that limit"),
  ),
  ...group(
    "Log:",
    flag("-m, --brief", "brief", "fewer lines: neither connect nor login, nor the close of a health check"),
    value("--syslog <address>", "syslog", syslog, "log to udp://host[:port] or tcp://host[:port]"),
    value("--facility <name>", "facility", facility, "the syslog facility"),
    value("--log-format <format>", "logFormat", oneOf(LOG_FORMATS), "text, or json: one object a line"),
  ),
];
