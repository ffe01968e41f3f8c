/**
 * The AUTHORIZATION state with the client, until there are complete credentials (RFC 1939, 4). No server is asked yet:
 * commands are answered here, strictly one at a time.
 */

import { closed, OVERLONG } from "../connection/connection";
import { ownCapabilities } from "../protocol/capability";
import { COMMAND_LIMIT } from "../protocol/command";
import { Failure } from "../protocol/failure";
import { texts } from "../protocol/response";
import type { Credentials, Session } from "./session";

/** The first octet of a TLS handshake: somebody took us for port 995. */
const TLS_HANDSHAKE = 0x16;

/** First lines of browsers and mail senders that were led here, by mistake or to attack what they talk to. */
const FOREIGN = /^(?:(?:GET|POST) |(?:EHLO|HELO|MAIL|RCPT|DATA)(?: |$))/i;

/**
 * @returns the credentials; null if the client said QUIT
 * @throws Failure if it left, was too slow, or is not a POP3 client
 */
export async function authorization(session: Session): Promise<Credentials | null> {
  const { downstream } = session;
  let user: string | null = null;
  if ((await downstream.peek()) === TLS_HANDSHAKE) throw foreign("TLS");
  for (let first = true; ; first = false) {
    const line = await downstream.line(COMMAND_LIMIT);
    if (line === null) throw closed("client");
    if (first && FOREIGN.test(line === OVERLONG ? downstream.ahead : line)) throw foreign("HTTP or SMTP");
    session.owed = true;
    const command = await session.parse(line, "AUTHORIZATION");
    if ("unsupported" in command) {
      if (session.tooMany) throw session.tooManyUnsupported();
      await downstream.say(command.reply);
    } else if (command.verb === "QUIT") {
      await downstream.say(texts.bye);
      return null;
    } else if (command.verb === "STLS" && downstream.tls === "") {
      await downstream.say(texts.beginTls);
      await session.needs.secureClient(downstream);
      // What was said in clear may have been said by anybody.
      user = null;
    } else if (command.verb === "USER" && session.mayLogIn) {
      user = command.argument;
      await downstream.say(texts.passwordRequired);
    } else if (command.verb === "PASS" && session.mayLogIn && user !== null) {
      return { user, password: command.argument ?? "" };
    } else {
      await downstream.say(...answer(session, command.verb));
    }
    session.owed = false;
  }
}

/** What else there is to say to a permitted command. */
function answer(session: Session, verb: string): string[] {
  const { downstream, mayLogIn } = session;
  if (verb === "CAPA") {
    const startTls = session.tls === "starttls" && downstream.tls === "";
    return [texts.capabilities, ...ownCapabilities({ logIn: mayLogIn, startTls }), "."];
  }
  if (verb === "NOOP") return [texts.nothing];
  if (verb === "STLS") return [texts.tlsAlready];
  return [mayLogIn ? texts.userFirst : texts.stlsFirst];
}

/** Closes without a word: nothing that a stranger sent is echoed, nor answered. */
function foreign(protocol: string): Failure {
  return new Failure("client", `not a POP3 client: ${protocol}`);
}
