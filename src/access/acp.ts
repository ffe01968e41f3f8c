/**
 * Access control: an external program (acp) decides whether a login may go on, and to which server (the manual's
 * section "Access Control").
 *
 * The acp gets the login in its environment. Exit status 0 grants the login; lines that the acp wrote to descriptor 3
 * replace the server, port, user or password. The gateway reads the answer at the acp's exit, even if a child of the
 * acp still runs. The acp has pipes only, and never a socket of the gateway.
 */

import { POP3S_PORT, parseHost, parsePort, unmapped } from "../base/address";
import type { Until } from "../base/until";
import { parseServer } from "../config/places";
import type { AcpSettings, ServerAddress, TlsMode } from "../config/settings";
import { TLS_MODES } from "../config/tlsmodes";
import type { Emit } from "../log/events";
import { inheritedEnvironment } from "../process/children";
import { WORD_LIMIT } from "../protocol/command";
import { secretsOf } from "../protocol/credentials";
import { hasControl } from "../protocol/octets";
import { withoutSecrets } from "../protocol/quotation";
import { replies } from "../protocol/replies";
import { isTemporary, withKnownCode } from "../protocol/response";
import { type Denial, denial, type Route } from "../session/needs";
import { type AccessControl, type AccessRequest, type Question, routeTo } from "./admission";
import type { ProgramResult, Programs } from "./programs";

/** EX_TEMPFAIL of sysexits.h: the acp can't decide now. */
const TEMPFAIL = 75;

/** The longest answer on descriptor 3, in octets. */
const ANSWER_BOUND = 4096;

/** The access control program. */
export class Acp implements AccessControl {
  /**
   * @param memory has the programs of all sessions
   * @param otherwise the TLS mode of --server-tls
   */
  constructor(
    private readonly settings: AcpSettings,
    private readonly otherwise: TlsMode,
    private readonly memory: { readonly programs: Programs },
    private readonly emit: Emit,
  ) {}

  /** The variables that the acp would get, with their prefix; null: it would not be run, since they are not UTF-8. */
  question(route: Route, about: AccessRequest): Question | null {
    const { argv, prefix } = this.settings;
    const own = variables(prefix, route, about);
    const secret = `${prefix}PASSWD`;
    return own && { who: argv.join(" "), parts: own, secrets: own[secret] ? [secret] : [] };
  }

  /** Runs the acp for a login. @param until ends the acp, with its reason */
  async admit(route: Route, about: AccessRequest, until: Until): Promise<Route | Denial> {
    const { argv, prefix, timeout } = this.settings;
    const own = variables(prefix, route, about);
    if (!own) return denial("not-utf8", "not UTF-8", replies.accessDenied);
    const environment = { ...inheritedEnvironment(), ...own };
    const { session } = about;
    // What an acp says is for people who look for its faults: `set -x` of a shell shows all passwords.
    const secrets = secretsOf(route);
    const shown = (line: string) => withoutSecrets(line.replace(/(SERVERPASSWD=).*/, "$1***"), secrets);
    const said = (line: string) => this.emit("acpSaid", { said: shown(line) }, { session });
    const ended = await this.memory.programs.run({ argv, environment, timeout, said }, until);
    this.emit("acpEnded", { status: ended.how, seconds: ended.seconds }, { session });
    if (ended.status !== 0) return refusal(ended);
    const [ignored = ""] = ended.stdout.split("\n", 1);
    if (ended.stdout) this.emit("acpIgnored", { ignored: shown(ignored) }, { session });
    const answered = rerouted(route, ended.answer, this.otherwise);
    if (answered) return answered;
    const misunderstood = ended.answer.split("\n").map(withoutSecret).join(" ");
    this.emit("acpMisunderstood", { misunderstood }, { session });
    return { ...denial("acp-answer", "acp", replies.misconfigured), temporary: true };
  }
}

function refusal({ status, stdout, how }: ProgramResult): Denial {
  const temporary = status === TEMPFAIL || status === null;
  const [line = ""] = stdout.split("\n", 1);
  const own = temporary ? replies.accessUnknown : replies.accessDenied;
  const reply = status !== null && /^-ERR(?: |\r?$)/.test(line) ? withKnownCode(line) : own;
  const code = temporary ? "acp-failed" : "acp-denied";
  return { ...denial(code, `acp: ${how}`, reply), temporary: temporary || isTemporary(reply) };
}

/** The acp's variables, which it gets besides the environment of the gateway; null: a value is not UTF-8. */
function variables(prefix: string, route: Route, about: AccessRequest): Record<string, string> | null {
  const values: Record<string, string> = {
    INTERFACE: about.interface.host,
    PORT: about.interface.port ? String(about.interface.port) : "",
    CLIENT: about.client,
    SERVER: unmapped(route.host),
    SERVERPORT: String(route.port),
    SERVERLOGIN: route.user,
    USERNAME: route.proxyUser,
    PASSWD: route.proxyPassword,
    SESSION: about.session,
  };
  const environment: Record<string, string> = {};
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    for (const name in values) {
      environment[prefix + name] = utf8.decode(Buffer.from(values[name] as string, "latin1"));
    }
  } catch {
    return null;
  }
  return environment;
}

/**
 * The route with the acp's answer; null: a line of the answer is not understood, or too long.
 *
 * @param otherwise as for the constructor of Acp
 */
function rerouted(route: Route, answer: string, otherwise: TlsMode): Route | null {
  if (answer.length > ANSWER_BOUND) return null;
  const to: { -readonly [Key in keyof Route]: Route[Key] } = { ...route };
  let server: ServerAddress | null = null;
  let port: number | null = null;
  let tls: TlsMode | undefined;
  for (const line of answer.split("\n")) {
    if (line === "") continue;
    const [, name, value = ""] = /^([A-Z]+)=(.*)$/.exec(line) ?? [];
    if (hasControl(line) || value.length > WORD_LIMIT) return null;
    if (name === "SERVER") server = answeredServer(value);
    else if (name === "SERVERPORT") port = parsePort(value);
    else if (name === "SERVERTLS") tls = TLS_MODES.find((mode) => mode === value);
    else if (name === "SERVERLOGIN" && value) to.user = value;
    else if (name === "SERVERPASSWD") to.secret = { kind: "password", password: value };
    else return null;
    if (name === "SERVER" && !server) return null;
    if (name === "SERVERPORT" && port === null) return null;
    if (name === "SERVERTLS" && tls === undefined) return null;
  }
  port ??= server?.port ?? null;
  tls ??= server?.tls;
  if (port === POP3S_PORT && tls !== undefined && tls !== "tls") return null;
  return routeTo(to, { host: server?.host, port: port ?? undefined, tls }, otherwise, "the acp");
}

/** A server that the acp has answered; an IPv6 address may stand without brackets. */
function answeredServer(value: string): ServerAddress | null {
  const host = parseHost(value);
  if (host !== null) return { host, port: null };
  try {
    return parseServer(value);
  } catch {
    return null;
  }
}

/** A line of an answer for the log, with "***" for all that may be a password. */
function withoutSecret(line: string): string {
  return /^(?:SERVER(?:PORT|LOGIN|TLS)?=.*|)$/.test(line) ? line : line.replace(/^(SERVERPASSWD=)?.*$/, "$1***");
}
