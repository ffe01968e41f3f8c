/** Access control in the dry run of --check: what it would be asked, or what it answers. */

import { quote } from "../base/quote";
import { Abort } from "../base/until";
import type { DryLogin } from "../config/commandline";
import type { ListenAddress } from "../config/settings";
import type { Gateway } from "../gateway/gateway";
import type { Arrival, Denial, Route } from "../session/needs";
import { sayRoute } from "./routewords";

type DryCaller = Parameters<Gateway["question"]>[0];

/** The client, which has done what its listener wants before a login. */
export function callerOf(dry: DryLogin, listen: ListenAddress | null, arrival: Arrival): DryCaller {
  const local = { address: listen?.host ?? "", port: listen?.port ?? 0 };
  const tls = arrival.tls === "none" ? "" : "TLSv1.3";
  const client = { peer: { address: dry.client, port: 0 }, local, tls, cipher: "" };
  return { id: "check", clientAddress: dry.client, client, arrival };
}

/** Whether there is access control. */
export function asksSomebody({ service: { access } }: Gateway): boolean {
  return access.acp !== undefined || access.authHttp !== undefined;
}

/** What access control would be asked, or what it answers. */
export async function admission(
  gateway: Gateway,
  caller: DryCaller,
  asked: Route,
  really: boolean,
  say: (line: string) => void,
): Promise<Route | Denial> {
  if (!asksSomebody(gateway)) return asked;
  const question = gateway.question(caller, asked);
  if (question) {
    const { who, parts, secrets } = question;
    const shown = Object.entries(parts).map(([name, value]) => {
      return `${name}=${secrets.includes(name) ? "***" : quote(value)}`;
    });
    say(`access control: ${who} ${really ? "gets" : "would get"} ${shown.join(" ")}`);
  }
  if (!really) {
    say("access control: not asked, and has the last word; --ask asks it");
    return asked;
  }
  const answer = await gateway.admit(caller, asked, new Abort());
  if (answer.kind === "denial") return answer;
  say("access control: granted");
  if (answer !== asked && (answer.because !== asked.because || answer.user !== asked.user)) sayRoute(answer, say);
  return answer;
}

/** Whether the account of a route can log in with a token. @param really whether its token is got */
export async function openAccount(
  { tokens }: Gateway,
  caller: DryCaller,
  route: Route,
  really: boolean,
  say: (line: string) => void,
): Promise<Route | Denial> {
  const { account } = route;
  if (!tokens || !account) return route;
  say(
    `token: of provider ${account.provider}; the client's password is the gateway password of ${quote(account.name)}`,
  );
  if (really) {
    const opened = await tokens.withToken(caller, route, new Abort());
    if (opened.kind === "route") say("token: there is one");
    return opened;
  }
  const denied = await tokens.standing(route);
  if (!denied) say("token: the account is authorized; --ask gets its token");
  return denied ?? route;
}
