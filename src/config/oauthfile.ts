/**
 * The file of --oauth (the manual's section "OAuth File"): TOML, with the folder of the store at the top, and a
 * [[provider]] for each provider. All faults are told at once, each with its place, and no value is quoted.
 */

import { dirname, resolve } from "node:path";
import { lowered } from "../base/lowered";
import type { TokenMechanism } from "../protocol/credentials";
import type { OauthFlow, OauthProvider, OauthSettings } from "./oauthsettings";
import { choiceOf, notEmpty, providerName, secureServer, secureUrl } from "./oauthvalues";
import { nearest } from "./optionwords";
import type { ServerAddress } from "./settings";
import { type PlacedFault, placedLines, readToml, type TextPlace, type TomlEntry } from "./toml";
import { Table } from "./tomltable";
import { ConfigFault, FAULTY, trustedText } from "./trustedtext";

/** The flows by their names in the file. */
const FLOWS: { readonly [Flow in OauthFlow]: Flow } = {
  code: "code",
  device: "device",
  "client-credentials": "client-credentials",
  "service-account": "service-account",
};

/** The mechanisms by their names in the file. */
const MECHANISMS: Readonly<Record<string, TokenMechanism>> = { xoauth2: "XOAUTH2", oauthbearer: "OAUTHBEARER" };

/** The keys of a provider. */
const KEYS = [
  "name",
  "accounts",
  "server",
  "mechanism",
  "flow",
  "client-id",
  "client-secret",
  "key",
  "scope",
  "issuer",
  "authorization-endpoint",
  "device-endpoint",
  "token-endpoint",
] as const;

type KeyName = (typeof KEYS)[number];

/** The endpoint that a flow needs besides that for tokens. */
const ENDPOINT_OF: Partial<Record<OauthFlow, KeyName>> = { code: "authorization-endpoint", device: "device-endpoint" };

/**
 * Reads the file.
 *
 * @param file a full path
 * @param byRoot whether root has started the gateway: then the file must be root's
 * @throws ConfigFault
 */
export function readOauthFile(file: string, byRoot: boolean): OauthSettings {
  const { text, secret } = trustedText(file, byRoot);
  const reader = new OauthReader(file, secret);
  const settings = reader.read(text);
  if (settings) return settings;
  throw new ConfigFault(placedLines(file, reader.faults), FAULTY);
}

class OauthReader {
  readonly faults: PlacedFault[] = [];
  readonly #file: string;
  readonly #secret: boolean;
  /** Tables whose fault has been told. */
  readonly #told = new Set<string>();

  /** @param secret whether others can't read the file */
  constructor(file: string, secret: boolean) {
    this.#file = file;
    this.#secret = secret;
  }

  /** @returns null: there are faults */
  read(text: string): OauthSettings | null {
    const { entries, tables, faults } = readToml(text, ["provider"]);
    this.faults.push(...faults);
    const fault = (at: TextPlace, reason: string) => this.#fault(at, reason);
    const top = new Table({ line: 1, column: 1 }, fault);
    const providers = new Map<string, Table>();
    for (const { several, path, at } of tables) {
      if (several) {
        providers.set(path[1] as string, new Table(at, fault));
        continue;
      }
      this.#fault(at, "there is no such table; a provider is [[provider]]");
      this.#told.add(path[0] as string);
    }
    for (const entry of entries) this.#place(entry, top, providers);
    const store = top.needed("store", (given) => resolve(dirname(this.#file), notEmpty(given)));
    const made = [...providers.values()].map((table) => this.#providerOf(table));
    if (providers.size === 0 && this.faults.length === 0) this.#fault(top.at, "there is no provider: add [[provider]]");
    this.#refuseTwice(made, [...providers.values()]);
    const whole = made.filter((one) => one !== null);
    if (store === undefined || this.faults.length > 0) return null;
    return { file: this.#file, store, providers: whole };
  }

  /** Puts an entry into its table. */
  #place(entry: TomlEntry, top: Table, providers: ReadonlyMap<string, Table>): void {
    const [name = "", index = "", key = "", ...nested] = entry.path;
    const table = name === "provider" ? providers.get(index) : undefined;
    if (table && nested.length === 0 && (KEYS as readonly string[]).includes(key)) table.add(key, entry);
    else if (table) this.#fault(entry.key, unknownKey(key, KEYS));
    else if (name === "store" && entry.path.length === 1) top.add(name, entry);
    else if (this.#told.has(name)) return;
    else if (name === "provider") this.#fault(entry.key, "a provider is a table: [[provider]]");
    else this.#fault(entry.key, unknownKey(name, ["store", "provider"]));
  }

  /** @returns null: there are faults */
  #providerOf(table: Table): OauthProvider | null {
    const before = this.faults.length;
    const name = table.needed("name", providerName);
    const accounts = table.texts("accounts")?.map((one) => lowered(Buffer.from(one).toString("latin1")));
    const server = table.needed("server", secureServer);
    const mechanism = table.value("mechanism", choiceOf(MECHANISMS)) ?? "XOAUTH2";
    const flow = table.needed("flow", choiceOf<OauthFlow>(FLOWS));
    const clientId = table.needed("client-id", notEmpty);
    const clientSecret = table.value("client-secret", notEmpty);
    const key = table.value("key", (given) => resolve(dirname(this.#file), notEmpty(given)));
    const scope = table.needed("scope", notEmpty);
    const endpoints = {
      issuer: table.value("issuer", secureUrl),
      authorization: table.value("authorization-endpoint", secureUrl),
      device: table.value("device-endpoint", secureUrl),
      token: table.value("token-endpoint", secureUrl),
    };
    if (clientSecret !== undefined && !this.#secret) {
      table.refuse("client-secret", "client-secret: every user can read this file: chmod o-r it");
    }
    if (flow !== undefined) refuseEndpoints(table, flow);
    if (flow !== undefined) refuseProof(table, flow);
    if (this.faults.length > before) return null;
    const given = Object.entries(endpoints).filter(([, value]) => value !== undefined);
    return {
      name: name as string,
      accounts: accounts as readonly string[],
      server: server as ServerAddress,
      mechanism,
      flow: flow as OauthFlow,
      clientId: clientId as string,
      ...(clientSecret !== undefined && { clientSecret }),
      ...(key !== undefined && { key }),
      scope: scope as string,
      endpoints: Object.fromEntries(given),
    };
  }

  /** The store names the provider of an account, so names are unique. */
  #refuseTwice(providers: readonly (OauthProvider | null)[], tables: readonly Table[]): void {
    const names = new Set<string>();
    for (const [index, provider] of providers.entries()) {
      if (!provider) continue;
      if (names.has(provider.name)) tables[index]?.refuse("name", "name: another provider has this name");
      names.add(provider.name);
    }
  }

  #fault({ line, column }: TextPlace, reason: string): void {
    this.faults.push({ line, column, reason });
  }
}

/** Either the issuer tells the endpoints, or the file has those that the flow needs. */
function refuseEndpoints(table: Table, flow: OauthFlow): void {
  const other = ENDPOINT_OF[flow];
  const needed = ["token-endpoint", ...(other === undefined ? [] : [other])];
  const given = ["authorization-endpoint", "device-endpoint", "token-endpoint"].filter((key) => table.has(key));
  if (table.has("issuer")) {
    if (given.length > 0) table.refuse(given[0] as string, `${given[0]} is of no use beside issuer: give one of them`);
    return;
  }
  const missing = needed.filter((key) => !table.has(key));
  if (missing.length > 0) table.refuse("flow", `flow: it needs issuer, or ${missing.join(" and ")}`);
  const useless = given.find((key) => !needed.includes(key));
  if (useless !== undefined) table.refuse(useless, `${useless} is of no use with this flow`);
}

/** What proves to the provider that it is the gateway that asks. */
function refuseProof(table: Table, flow: OauthFlow): void {
  if (flow === "client-credentials" && !table.has("client-secret"))
    table.refuse("flow", "flow: it needs client-secret");
  if (flow === "service-account" && !table.has("key")) table.refuse("flow", "flow: it needs key, a file");
  if (flow !== "service-account" && table.has("key")) table.refuse("key", "key is of no use with this flow");
  if (flow === "service-account" && table.has("client-secret")) {
    table.refuse("client-secret", "client-secret is of no use with this flow");
  }
}

function unknownKey(name: string, names: readonly string[]): string {
  const meant = nearest(
    name,
    names.filter((one) => one !== name),
  );
  return `there is no such key${meant === null ? "" : `: did you mean ${meant}?`}`;
}
