/**
 * The AUTHORIZATION state with the client, until the credentials are complete (RFC 1939, 4). There is no connection to
 * a server yet: the gateway answers the commands itself, strictly one at a time.
 */

import { OVERLONG, peerClosed } from "../connection/connection";
import { ownCapabilities } from "../protocol/capability";
import type { Credentials } from "../protocol/credentials";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import { authenticate } from "./authenticate";
import { lastWord } from "./hangup";
import type { Session } from "./session";

/** What other protocols begin with: a TLS handshake, and HAProxy's PROXY header, version 2. */
const TLS_HANDSHAKE = "\x16";
const PROXY_V2 = "\r\n\r\n\0\r\nQUIT\n";

/** The first lines of HTTP and SMTP clients, which connect here by mistake or for an attack. */
const FOREIGN = /^(?:(?:GET|POST) |(?:EHLO|HELO|MAIL|RCPT|DATA)(?: |$))/i;

/** HAProxy's PROXY header, version 1. */
const PROXY_V1 = /^PROXY (?:TCP[46]|UNKNOWN)/;

/**
 * Serves a client until its credentials are complete.
 *
 * @returns the credentials; null if the client sent QUIT
 * @throws Failure if the client closes the connection, is too slow, or is not a POP3 client
 */
export async function authorization(session: Session): Promise<Credentials | null> {
  const { client } = session;
  let user: string | null = null;
  if (await client.input.startsWith(TLS_HANDSHAKE)) throw foreign("TLS");
  if (await client.input.startsWith(PROXY_V2)) throw foreign("a PROXY header, which no option expects here");
  for (let first = true; ; first = false) {
    const line = (await client.input.line(session.lineLimit)) ?? lastWord(client);
    if (line === null) throw peerClosed("client");
    if (first) refuseForeign(line === OVERLONG ? client.input.ahead : line);
    session.owed = true;
    const command = session.parse(line, "AUTHORIZATION");
    if (line === OVERLONG) await client.input.skipLine();
    if (command.kind !== "command") {
      session.used = true;
      if (session.unsupported.tooMany) throw session.unsupported.failure();
      await client.say(command.reply);
    } else if (command.verb === "QUIT") {
      await client.say(replies.bye);
      return null;
    } else if (command.verb === "STLS" && client.tls === "" && !session.utf8) {
      await client.say(replies.beginTls);
      await session.startTls();
      // A name that was sent in clear may come from an attacker on the network.
      user = null;
    } else if (command.verb === "USER" && session.mayLogIn) {
      user = command.argument;
      await client.say(replies.passwordRequired);
    } else if (command.verb === "PASS" && session.mayLogIn && user !== null) {
      session.used = true;
      return { user, secret: { kind: "password", password: command.argument ?? "" } };
    } else if (command.verb === "AUTH" && command.argument !== null && session.mayLogIn) {
      session.used = true;
      const credentials = await authenticate(session, command.argument);
      if (!("reply" in credentials)) return credentials;
      session.unsupported.refusedAuth();
      await client.say(credentials.reply);
    } else {
      if (command.verb === "AUTH") session.unsupported.refusedAuth();
      await client.say(...answer(session, command.verb));
    }
    session.owed = false;
  }
}

/** The lines of the answer to any other permitted command. */
function answer(session: Session, verb: string): [string, ...string[]] {
  const { client, mayLogIn } = session;
  const { mechanisms, utf8 } = session.needs.service.dialogue;
  if (verb === "CAPA") {
    const startTls = session.tls === "starttls" && client.tls === "" && !session.utf8;
    return [replies.capabilities, ...ownCapabilities({ logIn: mayLogIn, startTls, utf8, mechanisms }), "."];
  }
  if (verb === "NOOP") return [replies.nothing];
  if (verb === "STLS") return [client.tls === "" ? replies.stlsBeforeUtf8 : replies.tlsAlready];
  if (verb === "UTF8") {
    session.utf8 = true;
    return [replies.utf8];
  }
  if (!mayLogIn) {
    // Else nothing would tell why nobody can log in with a mail program that is set up without TLS.
    const reason = `${verb} in clear: the client has to say STLS first`;
    if (!session.triedInClear) session.emit("loginInClear", { code: "stls", reason });
    session.triedInClear = true;
    session.used = true;
    return [replies.stlsFirst];
  }
  // Without an argument; the list of mechanisms is an extension that mail programs know from servers of old.
  if (verb === "AUTH") return [replies.mechanisms, ...mechanisms, "."];
  return [replies.userFirst];
}

/** @throws Failure if a first line is that of another protocol */
function refuseForeign(line: string): void {
  if (FOREIGN.test(line)) throw foreign("HTTP or SMTP");
  if (PROXY_V1.test(line)) throw foreign("a PROXY header, which no option expects here");
}

/** Closes without a word: nothing that a stranger sent is echoed, nor answered. */
function foreign(protocol: string): Failure {
  return new Failure("client", "not-pop3", `not a POP3 client: ${protocol}`);
}
