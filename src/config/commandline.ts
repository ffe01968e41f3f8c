/**
 * The command line: commander reads it by the table of optiontable.ts, rules.ts makes settings of what it says, and
 * configfile.ts of a file that it names. Prints nothing and ends nothing: under a superserver, stdout and stderr are the
 * client.
 */

import { Command, CommanderError, Option } from "commander";
import { POP3_PORT } from "../base/address";
import { quote, withoutPassword } from "../base/quote";
import { type Configuration, type Overlay, readConfiguration } from "./configfile";
import type { OptionRow } from "./optionrows";
import { type Draft, defaults, type Options } from "./options";
import { OPTIONS } from "./optiontable";
import { listenAddress, serverList } from "./places";
import { settingsOf, UsageFault } from "./rules";
import type { ListenAddress, Settings } from "./settings";

/** What to do, by the command line: print a text, check the settings, change the store of OAuth, or run. */
export type Request =
  | { readonly kind: "print"; readonly text: string }
  | ({ readonly kind: "check" } & Instructions & CheckWishes)
  | ({ readonly kind: "authorize" | "forget"; readonly user: string } & Instructions)
  | ({ readonly kind: "run" } & Instructions);

/** The settings, and where they come from. */
interface Instructions extends Configuration {
  /** The configuration file; absent: the command line has all settings. */
  readonly file?: string;
  /** The settings anew, for SIGHUP. @throws ConfigFault */
  reread(): Settings;
}

/** What --check is to do. */
interface CheckWishes {
  /** Whether it shows only what differs from the defaults. */
  readonly changed: boolean;
  /** A login whose way is to be shown; absent: there is none. */
  readonly dry?: DryLogin;
}

/** A login that is not made. */
export interface DryLogin {
  /** The user's name, latin1. */
  readonly user: string;
  /** The client's address; "" if it is not said. */
  readonly client: string;
  /** The name of a service, or a listener. */
  readonly listener?: string;
  /** Whether the access control program is asked. */
  readonly ask: boolean;
}

/** Versions are printed in a group of --help with the help itself. */
const HELP_GROUP = "Help:";

/** The name of the command line's service, where settings are shown as a file. */
const NAMELESS = "pop3";

/**
 * Parses the command line, and reads the configuration file.
 *
 * @param argv the arguments after the command's name
 * @param version gives the text of --version
 * @param byRoot whether root has started the gateway
 * @throws UsageFault, ConfigFault
 */
export function parseCommandLine(argv: readonly string[], version: () => string, byRoot = false): Request {
  const draft: Draft = { ...defaults };
  const given = new Set<keyof Options>();
  const program = commandOf(draft, given);
  try {
    program.parse([...argv], { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.code === "commander.helpDisplayed") return { kind: "print", text: program.helpInformation() };
    // With the nearest option, where commander knows one, on a second line.
    throw new UsageFault(thrown.message.replace(/^error: /, "").replaceAll("\n", " "));
  }
  if (program.opts().version) return { kind: "print", text: `pop3.proxy ${version()}\n` };
  refuseUseless(draft);
  const found =
    draft.config === undefined ? ofOperands(draft, program.args) : ofFile(draft, given, program.args, byRoot);
  if (draft.check) return { kind: "check", ...found, ...checkWishes(draft) };
  const { authorize, forget } = draft;
  if (authorize === undefined && forget === undefined) return { kind: "run", ...found };
  if (found.settings.services.every(({ access }) => access.oauth === undefined)) refuseWithoutOauth(draft);
  if (authorize !== undefined) return { kind: "authorize", user: authorize, ...found };
  return { kind: "forget", user: forget as string, ...found };
}

function needs(option: string, other: string): UsageFault {
  return new UsageFault(`${option} needs ${other}`);
}

/** The settings of the command line alone. @throws UsageFault */
function ofOperands(draft: Draft, operands: readonly string[]): Instructions {
  const own = { ...draft, ...operandsOf(draft, operands) };
  const settings = settingsOf(own);
  // As in a file: a listener has its mode behind its port.
  const { clientTls, clientProxy } = defaults;
  const asFile: Options = own.listen.length > 0 ? { ...own, clientTls, clientProxy } : own;
  return { own, services: new Map([[NAMELESS, asFile]]), settings, reread: () => settings };
}

/** The settings of the file. @throws UsageFault, ConfigFault */
function ofFile(
  draft: Draft,
  given: ReadonlySet<keyof Options>,
  operands: readonly string[],
  byRoot: boolean,
): Instructions {
  const file = draft.config as string;
  const [useless] = [
    ...(draft.daemon > 0 ? ["-D is of no use beside -f: a service with listen makes a daemon"] : []),
    ...(draft.listen.length > 0
      ? ["--listen is of no use beside -f: put it into a service of the file, as listen"]
      : []),
    ...(operands.length > 0
      ? [`${asTyped(operands[0] as string)} is of no use beside -f: put it into the file, as server`]
      : []),
  ];
  if (useless) throw new UsageFault(useless);
  const overlay: Overlay = Object.fromEntries([...given].map((key) => [key, draft[key]]));
  const read = () => readConfiguration(file, overlay, byRoot);
  return { ...read(), file, reread: () => read().settings };
}

/** @throws UsageFault if an option of --check stands without it */
function refuseUseless(draft: Draft): void {
  const { check, changed, dryUser, dryClient, dryListener, ask, authorize, forget, oauth, config } = draft;
  if (authorize !== undefined && forget !== undefined)
    throw new UsageFault("--authorize and --forget exclude each other");
  // Before the rules miss a server, which these two do not need.
  if (config === undefined && oauth === undefined) refuseWithoutOauth(draft);
  if (check && (authorize ?? forget) !== undefined) throw new UsageFault("--check excludes --authorize and --forget");
  if (changed && !check) throw needs("--changed", "--check");
  if (dryUser !== undefined && !check) throw needs("--as", "--check");
  if (dryUser !== undefined) return;
  if (dryClient !== undefined) throw needs("--from", "--as");
  if (dryListener !== undefined) throw needs("--listener", "--as");
  if (ask) throw needs("--ask", "--as");
}

/** @throws UsageFault if an account is to be changed */
function refuseWithoutOauth({ authorize, forget }: Draft): void {
  if (authorize !== undefined) throw needs("--authorize", "--oauth");
  if (forget !== undefined) throw needs("--forget", "--oauth");
}

function checkWishes({
  changed,
  dryUser: user,
  dryClient: client = "",
  dryListener: listener,
  ask,
}: Draft): CheckWishes {
  if (user === undefined) return { changed };
  return { changed, dry: { user, client, ...(listener !== undefined && { listener }), ask } };
}

/** A command whose options fill the draft. @param given gets the keys of the options that are given */
function commandOf(draft: Draft, given: Set<keyof Options>): Command {
  const program = new Command("pop3.proxy")
    .usage("[options] [server[:port],...]")
    .helpOption(false)
    .allowExcessArguments(true)
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} });
  for (const row of OPTIONS) {
    const option = new Option(row.flags, helpOf(row)).helpGroup(row.group);
    program.addOption(option);
    program.on(`option:${option.name()}`, (text?: string) => {
      given.add(row.key);
      set(row, draft, text ?? "");
    });
  }
  program.addOption(new Option("-V, --version", "the version, with those of Node and OpenSSL").helpGroup(HELP_GROUP));
  return program.addHelpOption(new Option("-h, --help", "this text").helpGroup(HELP_GROUP));
}

function helpOf({ help, shown }: OptionRow): string {
  return shown === undefined ? help : `${help} (default: ${shown})`;
}

/** Sets an option. @throws UsageFault with the option and its value before what is wrong */
function set({ flags, secret, set: apply }: OptionRow, draft: Draft, text: string): void {
  try {
    apply(draft, text);
  } catch (thrown) {
    const [name] = flags.split(/[ ,]/, 1);
    throw new UsageFault(`${name}${secret ? "" : ` ${asTyped(text)}`}: ${(thrown as Error).message}`);
  }
}

/** What was typed, for a message. */
function asTyped(text: string): string {
  return quote(withoutPassword(text));
}

/** Where the daemon listens, and the default server. */
function operandsOf(draft: Draft, operands: readonly string[]): Pick<Options, "listen"> & Partial<Options> {
  const rest = [...operands];
  const listen = listenOf(draft, rest);
  const [server, ...excess] = rest;
  if (excess.length > 0) throw new UsageFault(`too many operands: ${excess.map(asTyped).join(" ")}`);
  if (server === undefined || server === "-") return { listen };
  try {
    return { listen, defaultServers: serverList.parse(server) };
  } catch (thrown) {
    throw new UsageFault((thrown as Error).message);
  }
}

/** Takes the operand of -DD, if there is one, out of `operands`. */
function listenOf({ listen, daemon, clientTls, clientProxy }: Draft, operands: string[]): readonly ListenAddress[] {
  if (listen.length > 0 && daemon > 1) throw new UsageFault("-DD and --listen exclude each other");
  if (listen.length > 0 && clientTls !== "none") {
    throw new UsageFault("--client-tls is of no use beside --listen: write /tls or /starttls behind the port instead");
  }
  if (listen.length > 0 && clientProxy) {
    throw new UsageFault("--client-proxy is of no use beside --listen: write /proxy behind the port instead");
  }
  if (listen.length > 0 || daemon === 0) return listen;
  const tls = { ...(clientTls !== "none" && { tls: clientTls }), ...(clientProxy && { proxy: true }) };
  if (daemon === 1) return [{ host: null, port: POP3_PORT, ...tls }];
  const first = operands.shift();
  if (first === undefined) throw new UsageFault("-DD takes [interface:]port as first operand, such as 8110");
  // A server alone: the port was forgotten.
  if (operands.length === 0 && !/^[0-9]+$|:[0-9]+$/.test(first)) {
    throw new UsageFault(`-DD takes two operands, [interface:]port and server, such as 8110 ${asTyped(first)}`);
  }
  try {
    return [{ ...listenAddress.parse(first), ...tls }];
  } catch (thrown) {
    throw new UsageFault(`-DD ${asTyped(first)}: ${(thrown as Error).message}`);
  }
}
