/**
 * Acp control: an external program (acp) is asked whether a login may go on, and where to (SPEC section 4).
 *
 * It learns all in its environment. Exit status 0 grants; what it wrote to descriptor 3 before replaces what the client
 * asked for. The verdict falls at its exit, whatever it has left behind. It never holds a socket of ours.
 */

import type { HostPort } from "../base/address";
import { POP3S_PORT, parseHost, parsePort, unmapped } from "../base/address";
import type { Config, TlsMode } from "../config/settings";
import type { Fields, Level } from "../log/line";
import { isTemporary, texts, withKnownCode } from "../protocol/response";
import type { Denial, Route } from "../session/session";
import { type ProgramResult, Programs } from "./programs";

/** What the acp is told besides the route. */
export interface AcpRequest {
  readonly interface: HostPort;
  readonly client: string;
  readonly session: string;
}

/** EX_TEMPFAIL of sysexits.h: the acp can't tell now. */
const TEMPFAIL = 75;

/** The longest user or password that fits into a command line with its verb. */
const WORD_BOUND = 248;

/** The longest answer on descriptor 3, in octets. */
export const ANSWER_BOUND = 4096;

export class Acp {
  readonly #programs: Programs;

  constructor(
    private readonly config: Config,
    private readonly log: (level: Level, event: string, fields: Fields) => void,
  ) {
    this.#programs = new Programs(config.acpTimeout);
  }

  /**
   * Asks the acp.
   *
   * @param until ends the acp, with its reason
   * @returns the route, perhaps another one, or why not
   * @throws the reason of `until`
   */
  async admit(acp: readonly string[], route: Route, about: AcpRequest, until: AbortSignal): Promise<Route | Denial> {
    const environment = variables(this.config.prefix, route, about);
    const { session } = about;
    if (!environment) return { reply: texts.accessDenied, reason: "not UTF-8" };
    const said = (line: string) => this.log("notice", "acp", { session, said: line });
    const ended = await this.#programs.run(acp, environment, said, until);
    this.log("info", "acp", { session, status: ended.how, seconds: ended.seconds });
    if (ended.status !== 0) return denial(ended);
    if (ended.stdout) this.log("warning", "acp", { session, ignored: ended.stdout.split("\n", 1)[0] });
    const answered = rerouted(route, ended.answer, this.config.serverTls ?? "none");
    if (answered) return answered;
    this.log("err", "acp", { session, misunderstood: ended.answer.split("\n").map(withoutSecret).join(" ") });
    return { reply: texts.misconfigured, reason: "acp", temporary: true };
  }

  /** Ends all that still run. */
  close(): void {
    this.#programs.close();
  }
}

function denial({ status, stdout, how }: ProgramResult): Denial {
  const temporary = status === TEMPFAIL || status === null;
  const [line = ""] = stdout.split("\n", 1);
  const own = temporary ? texts.accessUnknown : texts.accessDenied;
  const reply = status !== null && /^-ERR(?: |\r?$)/.test(line) ? withKnownCode(line) : own;
  return { reply, reason: `acp: ${how}`, temporary: temporary || isTemporary(reply) };
}

/** The acp's environment: ours, less what is for us alone, and its variables; null: a value is not UTF-8. */
function variables(prefix: string, route: Route, about: AcpRequest): NodeJS.ProcessEnv | null {
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
  const ours = Object.entries(process.env).filter(([name]) => !/^(?:LISTEN_|NODE_|NOTIFY_SOCKET$)/.test(name));
  const environment: NodeJS.ProcessEnv = Object.fromEntries(ours);
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
 * The route with what the acp answered; null: the answer can't be understood.
 *
 * @param otherwise how TLS comes into connections to other ports than 995
 */
function rerouted(route: Route, answer: string, otherwise: TlsMode): Route | null {
  if (answer.length > ANSWER_BOUND) return null;
  const to = { ...route };
  for (const line of answer.split("\n")) {
    if (line === "") continue;
    const [, name, value = ""] = /^([A-Z]+)=(.*)$/.exec(line) ?? [];
    if (/[\x00-\x1f\x7f]/.test(line) || value.length > WORD_BOUND) return null;
    const host = name === "SERVER" ? parseHost(value.replace(/^\[(.*)\]$/, "$1")) : null;
    const port = name === "SERVERPORT" ? parsePort(value) : null;
    if (host !== null) to.host = host;
    else if (port !== null) Object.assign(to, { port, tls: port === POP3S_PORT ? "tls" : otherwise });
    else if (name === "SERVERLOGIN" && value) to.user = value;
    else if (name === "SERVERPASSWD") to.password = value;
    else return null;
    // The administrator's word: no list and no guard.
    if (host !== null) Object.assign(to, { guarded: false, selected: false });
  }
  return to;
}

/** A line of an answer without what might be a password. */
function withoutSecret(line: string): string {
  return /^(?:SERVER(?:PORT|LOGIN)?=.*|)$/.test(line) ? line : line.replace(/^(SERVERPASSWD=)?.*$/, "$1***");
}
