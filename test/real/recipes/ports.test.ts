/** "Several accounts on several ports": three servers with a mail of their own each, by the port and by the user name. */

import { certified } from "../../stage/certificates";
import { connectGreeted, fetchMail, logIn, quit } from "../../stage/dialogue";
import { testOfDraw } from "../../stage/draws";
import { recipe } from "../../stage/manual";
import { startTlsDovecot } from "../dovecot";
import { mail } from "../mails";
import { lacking } from "../programs";
import { same } from "../same";
import { password, user } from "../server";
import { replaced, startRecipe } from "./gateway";

const test = testOfDraw();

const [ports, selection] = recipe("Several accounts on several ports");
const names = ["mail.example.org", "pop.example.org", "mail.club.example.org"];

test("Several accounts on several ports", { skip: lacking("dovecot", "openssl") }, async (t) => {
  const mails = names.map((name) => mail(name, `This is ${name}.\r\n`));
  const servers = await Promise.all(mails.map((octets) => startTlsDovecot(t, certified("ec"), [octets])));
  const places = servers.map(({ tlsPort }) => `localhost:${tlsPort}`);

  /** Retrieves the mail of one of the servers. */
  const retrieve = async (port: number, name: string, index: number) => {
    const client = await connectGreeted(port, t);
    await logIn(client, name, password);
    same(await fetchMail(client, 1), mails[index] as Buffer);
    await quit(client);
  };

  await t.test("by the port", async (t) => {
    const command = replaced(ports, {
      "pop3.proxy ": "pop3.proxy --server-tls tls ",
      ...Object.fromEntries(names.map((name, index) => [`=${name}:995`, `=${places[index]}`])),
      ...Object.fromEntries(["110", "89", "90"].map((port) => [`--listen ${port}=`, "--listen 127.0.0.1:0="])),
    });
    const gateway = await startRecipe(t, command, names.length);
    for (const [index, port] of gateway.ports.entries()) await retrieve(port, user, index);
  });

  await t.test("by the user name", async (t) => {
    const command = replaced(selection, {
      "-D ": "--listen 127.0.0.1:0 ",
      ...Object.fromEntries(names.map((name, index) => [name, `${places[index]}`])),
    });
    const { port } = await startRecipe(t, command);
    await retrieve(port, user, 0);
    for (const [index, place] of places.entries()) await retrieve(port, `${user}@${place}`, index);
  });
});
