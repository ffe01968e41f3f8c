/**
 * From a route to a connection: the lookup of the server's name, the check of every address, and a connection to the very
 * addresses that were checked. The gateway never connects to itself.
 */

import type { Duplex } from "node:stream";
import { isAddress, parseHost, showHostPort } from "../base/address";
import { now } from "../base/clock";
import { reasonOf } from "../base/faults";
import { Abort, type Until } from "../base/until";
import type { Limits, ServerSettings } from "../config/settings";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import { type Denial, type Dialled, denial, type Place, type Route } from "../session/needs";
import type { ServerTls } from "../tls/servers";
import type { KnownAddresses } from "./addresses";
import { type FailedAddress, type Reports, race } from "./attempts";
import type { Lookups } from "./lookup";
import { isOwn, type OwnPlace } from "./own";
import type { Ssh } from "./ssh";
import { dialTcp } from "./tcp";
import type { Commands } from "./via";

/** What dialling rests on. */
export interface DialTerms {
  readonly servers: ServerSettings;
  readonly limits: Limits;
  readonly lookups: Lookups;
  readonly known: KnownAddresses;
  /** Where this gateway itself listens. */
  readonly listeners: readonly OwnPlace[];
  /** The PROXY header for a server; absent: it gets none. */
  readonly header?: Buffer | undefined;
  /** Why an address may not be dialled on a client's word; null if it may. */
  guard(address: string): string | null;
  /** TLS to servers, made when it is needed. */
  tls(): ServerTls;
  /** The commands that are connections, for --via. */
  commands(): Commands;
  /** The login of ssh at a host, for --ssh. */
  ssh(host: string): Ssh;
  /** Called when a server is connected to, after so many seconds; and when it can't be. Absent: nobody counts. */
  connected?(place: Place, seconds: number): void;
  unreached?(place: Place, thrown: unknown): void;
  /** Called with what such a command says on stderr, and how it ends. */
  said(line: string): void;
  ended(how: string): void;
}

/**
 * Connects to the server of a route, or to one of the others: the next one is tried when one has not answered for as
 * long as an address may be silent, or has failed.
 *
 * @param client the address on whose behalf the name is looked up
 * @param until gives up, with its reason
 * @throws the reason of `until`, or a Failure
 */
export async function dial(route: Route, client: string, terms: DialTerms, until: Until): Promise<Dialled | Denial> {
  if (route.others.length === 0) return dialPlace(route, route, client, terms, until);
  const { known, limits } = terms;
  const places = new Map([route, ...route.others].map((place) => [showHostPort(place.host, place.port), place]));
  const denied = new Map<string, Denial>();
  const start = (name: string, reports: Reports<Dialled>) => {
    const stop = new Abort();
    const place = places.get(name) as Place;
    const settle = (outcome: Dialled | Denial) => {
      if (outcome.kind === "dialled") {
        if (stop.aborted) outcome.server.destroy();
        else reports.won(outcome);
        return;
      }
      denied.set(name, outcome);
      reports.failed(new Error(outcome.reason));
    };
    dialPlace(place, route, client, terms, stop, reports.answered).then(settle, reports.failed);
    return () => stop.abort(new Error("not needed any more"));
  };
  // A server as a whole has no port of its own among the known addresses.
  const outcome = await race(known.inOrder([...places.keys()], 0), start, limits.lookup + limits.server, until);
  known.note(outcome, 0);
  if (outcome.won) return outcome.won;
  const first = outcome.failed.find(({ address }) => denied.has(address));
  if (first && denied.size === outcome.failed.length) return denied.get(first.address) as Denial;
  throw allFailed(outcome.failed);
}

/** The Failure for several servers: that of the first one, with what became of each. */
function allFailed(failed: readonly FailedAddress[]): Failure {
  const message = failed.map(({ address, fault }) => `${address}: ${reasonOf(fault)}`).join("; ");
  const told = failed.map(({ fault }) => fault).find((fault) => fault instanceof Failure);
  if (told) return new Failure(told.blame, told.code, message, told.reply);
  return new Failure("server", "unreachable", message, replies.serverUnreachable);
}

/** Connects to one server, as `dialOne`, and tells who counts. */
function dialPlace(...wanted: Parameters<typeof dialOne>): Promise<Dialled | Denial> {
  const [place, , , terms] = wanted;
  const dialled = dialOne(...wanted);
  if (!terms.unreached) return dialled;
  return dialled.catch((thrown) => {
    terms.unreached?.(place, thrown);
    throw thrown;
  });
}

/** Connects to one server. @param progress called when a part of it is done, and the rest may take its time again */
async function dialOne(
  place: Place,
  route: Route,
  client: string,
  terms: DialTerms,
  until: Until,
  progress = () => {},
): Promise<Dialled | Denial> {
  const { host, port } = place;
  const { known, limits, servers } = terms;
  if (servers.via || servers.ssh !== undefined) return dialVia(place, terms, until);
  const found = await judgedAddresses(place, route, client, terms, until, progress);
  const refused = found.find(({ refusal }) => refusal)?.refusal;
  if (refused) return refused;
  const addresses = found.map(({ address }) => address);
  const { source4, source6 } = servers;
  const tls = place.tls === "tls" ? { by: terms.tls(), server: { host, port } } : null;
  const to = { addresses, port, timeout: limits.server, source4, source6, tls, known, progress, header: terms.header };
  const began = now();
  const server = await dialTcp(to, until);
  terms.connected?.(place, (now() - began) / 1000);
  return { kind: "dialled", server, place };
}

/** An address of a server, and why it may not be dialled. */
export interface JudgedAddress {
  readonly address: string;
  /** null: it may be dialled. */
  readonly refusal: Denial | null;
}

/**
 * Looks a server's name up, and judges each of its addresses.
 *
 * @param progress called between the two
 * @throws the reason of `until`, or a Failure
 */
export async function judgedAddresses(
  { host, port }: Place,
  { selected, guarded }: Pick<Route, "selected" | "guarded">,
  client: string,
  { lookups, limits, listeners, guard }: Pick<DialTerms, "lookups" | "limits" | "listeners" | "guard">,
  until: Until,
  progress = () => {},
): Promise<JudgedAddress[]> {
  const wanted = { host, client, chosen: selected };
  const found = isAddress(host) ? [host] : await lookups.addresses(wanted, limits.lookup, until);
  progress();
  const reply = selected ? replies.notPermitted : replies.misconfigured;
  const judged: JudgedAddress[] = [];
  for (const each of found) {
    const address = parseHost(each) ?? each;
    if (await isOwn(listeners, address, port)) {
      judged.push({ address, refusal: denial("own-address", "that is this gateway itself", reply) });
    } else {
      const reason = guarded ? guard(address) : null;
      judged.push({ address, refusal: reason === null ? null : denial("not-public", reason, reply) });
    }
  }
  return judged;
}

/**
 * Reaches a server through a command, or through ssh. The far side looks its name up, so there is no address to be
 * checked here.
 */
async function dialVia(place: Place, terms: DialTerms, until: Until): Promise<Dialled> {
  const { servers, limits, said, ended } = terms;
  const began = now();
  const { host, port } = place;
  const tls = (raw: Duplex) => terms.tls().over(raw, { host, port });
  const call = { place, timeout: limits.server, tls, header: terms.header, said, ended };
  const server =
    servers.ssh === undefined
      ? await terms.commands().dial({ ...call, argv: servers.via as readonly string[] }, until)
      : await terms.ssh(servers.ssh).dial(call, until);
  terms.connected?.(place, (now() - began) / 1000);
  return { kind: "dialled", server, place };
}
