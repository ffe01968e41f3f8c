/** "Behind HAProxy": two gateways, of which one goes down; STLS and TLS; the clients' addresses; checks without a line. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { certified } from "../../stage/certificates";
import { connectStls, connectTls, logIn, quit } from "../../stage/dialogue";
import { testOfDraw } from "../../stage/draws";
import { recipe } from "../../stage/manual";
import { freePort } from "../../stage/ports";
import { until } from "../../stage/waiting";
import { startTlsDovecot } from "../dovecot";
import { checked, startChecked, startHaproxyWith } from "../haproxy";
import { lacking } from "../programs";
import { scratch } from "../scratch";
import { password, user } from "../server";
import { replaced, startRecipe } from "./gateway";

const test = testOfDraw();

const [settings, command] = recipe("Behind HAProxy");

test("sessions go to a gateway that is there", { skip: lacking("haproxy", "dovecot", "openssl") }, async (t) => {
  const { certFile, keyFile } = certified("ec");
  const server = await startTlsDovecot(t, certified("good"), []);
  const gateways = await Promise.all(
    [1, 2].map(() => {
      const here = {
        "--listen 8110/": "--listen 127.0.0.1:0/",
        "--listen 8995/": "--listen 127.0.0.1:0/",
        "192.0.2.5": "127.0.0.1",
        "/etc/pop3.proxy/gateway.pem": certFile,
        "/etc/pop3.proxy/gateway.key": keyFile,
        "mail.example.org": `localhost:${server.tlsPort}`,
      };
      return startRecipe(t, replaced(command, here), 2);
    }),
  );
  const [one, two] = gateways as [(typeof gateways)[0], (typeof gateways)[0]];
  const [clear, secure, ready] = [await freePort(), await freePort(), await freePort()];
  const here = replaced(settings, {
    "192.0.2.5:110": `127.0.0.1:${clear}`,
    "192.0.2.5:995": `127.0.0.1:${secure}`,
    "192.0.2.10:8110": `127.0.0.1:${one.ports[0]}`,
    "192.0.2.10:8995": `127.0.0.1:${one.ports[1]}`,
    "192.0.2.11:8110": `127.0.0.1:${two.ports[0]}`,
    "192.0.2.11:8995": `127.0.0.1:${two.ports[1]}`,
  });
  const beside = await startChecked(t);
  const probe = `frontend ready
    mode tcp
    bind 127.0.0.1:${ready}
    timeout client 1m
    tcp-request connection reject
backend beside
    mode tcp
    timeout connect 1m
    timeout server 1m
    server one 127.0.0.1:${beside.port} send-proxy-v2 check
`;
  // Faster than each two seconds, so that the test need not wait. A busy machine lets some of them come to nothing.
  const checks = "defaults\n    default-server inter 200ms fall 20\n";
  const home = join(scratch(t), "haproxy");
  await startHaproxyWith(t, home, `${checks}${here}${probe}`, ready);
  const place = (port: number) => ({ host: "127.0.0.1", port, localAddress: "127.0.0.3" });
  const login = async () => {
    const starting = await connectStls(place(clear), undefined, t);
    await logIn(starting, user, password);
    await quit(starting);
    const client = await connectTls(place(secure), undefined, t);
    await client.line();
    await logIn(client, user, password);
    await quit(client);
  };
  await login();
  const logins = () => gateways.flatMap(({ log }) => log.filter(({ event }) => event === "login"));
  await until(() => logins().length === 2);
  assert.ok(logins().every(({ fields }) => fields.client === "127.0.0.3"));
  // None of the checks of both listeners is in the log above debug.
  await checked(beside);
  for (const { log, said } of gateways) {
    const of = log.filter(({ fields }) => fields.client === "127.0.0.1" || fields.session === undefined);
    assert.ok(
      of.every(({ level, event }) => level === "debug" || event === "listen"),
      said(),
    );
  }
  // The gateway that has served this client ends, and the other one takes its place.
  const [served, other] = one.log.some(({ event }) => event === "login") ? [one, two] : [two, one];
  served.child.kill("SIGTERM");
  await until(() => served.child.exitCode !== null);
  await until(async () => {
    await login().catch(() => {});
    return other.log.some(({ event }) => event === "login");
  });
  assert.equal((await other.logged("login")).fields.client, "127.0.0.3");
});
