/**
 * The table of options, as data: each row says how an option is written, which value it sets, what kind of value that
 * is, and what --help says of it.
 */

import { accessControl, httpHeader } from "./authhttp";
import { each, flag, group, type OptionRow, of, secret, value } from "./optionrows";
import { clamd, command, listenAddress, metricsAddress, serverList, sshHost } from "./places";
import { TLS_MODES } from "./tlsmodes";
import {
  address,
  delimiters,
  facility,
  folder,
  greeting,
  LOG_FORMATS,
  mechanisms,
  networks,
  number,
  OVERSIZE,
  octets,
  oneOf,
  path,
  pin,
  prefix,
  proxyVersion,
  seconds,
  servers,
  syslog,
  TLS_VERSIONS,
  text,
  user,
} from "./values";

/** All options but --version and --help, in the order of --help. */
export const OPTIONS: readonly OptionRow[] = [
  ...group(
    "Start:",
    of("command", {
      flags: "-D, --daemon",
      key: "daemon",
      help: "stand alone on port 110; given twice: on [interface:]port, the first operand",
      repeats: true,
      set: (draft) => {
        draft.daemon++;
      },
      file: { expects: "", read: () => false, write: () => undefined },
    }),
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
    of("command", value("-f, --config <file>", "config", path, "settings from this file, perhaps of several services")),
    of("process", flag("--foreground", "foreground", "a daemon that does not go into the background")),
    of("process", value("--pidfile <file>", "pidfile", path, "where the daemon leaves its process id")),
    of("process", value("-u, --user <name>", "user", user, "run as this user if root starts it: a name, or uid[:gid]")),
    of("process", value("--drain <seconds>", "drain", seconds, "how long sessions may go on after SIGTERM")),
    of("process", flag("-d, --debug", "debug", "foreground, log to stderr, trace the dialogue with secrets masked")),
    flag("--demo", "demo", "a built-in sample maildrop is the server"),
  ),
  ...group(
    "Check:",
    of("command", flag("--check", "check", "check the settings and the server, tell what would run, and end")),
    of("command", flag("--changed", "changed", "with --check: only settings that differ from the defaults")),
    of(
      "command",
      value("--as <user>", "dryUser", octets, "with --check: where a login of this user would go, and why"),
    ),
    of("command", value("--from <ip>", "dryClient", address, "with --as: the address of the client")),
    of("command", value("--listener <name>", "dryListener", text, "with --as: the service, or its [interface:]port")),
    of("command", flag("--ask", "ask", "with --as: ask access control, with a password that is asked for")),
  ),
  ...group(
    "Authorize:",
    of(
      "command",
      value("--authorize <user>", "authorize", octets, "with --oauth: let the gateway log in as this user"),
    ),
    of("command", value("--forget <user>", "forget", octets, "with --oauth: forget what --authorize has stored")),
  ),
  ...group(
    "Server and access:",
    flag("-e, --select", "select", "the client selects the server: user@server[:port]"),
    value("-s, --servers <list>", "servers", servers, "servers that may be selected; ? and * are wildcards; needs -e"),
    value("--map <file>", "map", path, "which server a user belongs to, line by line"),
    value("-c, --delimiters <chars>", "delimiters", delimiters, "characters that separate user from server"),
    value("-a, --acp <program>", "acp", accessControl, "access control: a program, or the URL of an auth_http service"),
    value("-v, --prefix <prefix>", "prefix", prefix, "prefix of the program's variables"),
    value("--acp-timeout <seconds>", "acpTimeout", seconds, "how long that may take"),
    secret(each("--auth-http-header <header>", "authHttpHeaders", httpHeader, "'name: value' of requests; may repeat")),
    value("--auth-http-header-file <file>", "authHttpHeaderFile", path, "a file with such headers, one a line"),
    value("--oauth <file>", "oauth", path, "the accounts that log in at their servers with tokens of OAuth"),
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
    flag("--no-pipelining", "pipelining", "servers get one command at a time, also those that list PIPELINING", false),
    value("-t, --timeout <seconds>", "timeout", seconds, "inactivity limit"),
    value("--login-timeout <seconds>", "loginTimeout", seconds, "from the connection to complete credentials"),
    value("--server-timeout <seconds>", "serverTimeout", seconds, "to reach a server; again for its greeting and TLS"),
    of("process", value("--max-sessions <n>", "maxSessions", number, "sessions at once")),
    value("--max-per-client <n>", "maxPerClient", number, "sessions at once of one client"),
    value("--exempt <cidr,...>", "exempt", networks, "clients with neither delays after refused logins nor that limit"),
  ),
  ...group(
    "Log:",
    of(
      "process",
      flag("-m, --brief", "brief", "fewer lines: neither connect nor login, nor the close of a health check"),
    ),
    of("process", value("--syslog <address>", "syslog", syslog, "log to udp://host[:port] or tcp://host[:port]")),
    of("process", value("--facility <name>", "facility", facility, "the syslog facility")),
    of("process", value("--log-format <format>", "logFormat", oneOf(LOG_FORMATS), "text, or json: one object a line")),
  ),
  ...group(
    "Metrics:",
    of(
      "process",
      value(
        "--metrics <[interface:]port>",
        "metrics",
        metricsAddress,
        "metrics, a status page and /health by HTTP (without an interface: 127.0.0.1)",
      ),
    ),
    of(
      "process",
      value("--metrics-token <file>", "metricsToken", path, "a file with a token: who has it may end sessions there"),
    ),
  ),
];

/** The operand, which is the key `server` in a configuration file. */
export const SERVER: OptionRow = {
  ...value("--server <server,...>", "defaultServers", serverList, "the default servers"),
  scope: "service",
  group: "",
};
