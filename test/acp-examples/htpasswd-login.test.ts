import assert from "node:assert/strict";
import crypto, { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import { type Answer, answered, ask, askInside, changed, DENIED, file, GRANTED, UNKNOWN, unreadable } from "./question";

/** Passwords and their hashes, by `openssl passwd -apr1`: lengths on both sides of a block of MD5, all kinds of octets. */
const APR1 = [
  ["a", "$apr1$r31.....$s7OSk4uJoyS8elmZY5Ru40"],
  ["geheim", "$apr1$r31.....$kPl2oEyLa7IP.ZLwusTp00"],
  ["geheim", "$apr1$ab$H4lqmiTQrlzL8CUTs4TjD0"],
  ["123456789012345", "$apr1$r31.....$BhdtYdrQZK7rCCQ6FCn7H0"],
  ["1234567890123456", "$apr1$r31.....$krUEEXD1LugcvAuuUrgOk."],
  ["12345678901234567", "$apr1$r31.....$8vANws31PnlyTLYO7A.GD/"],
  ["x".repeat(33), "$apr1$r31.....$ZINcypxUvYrJ8OOFJiwf8."],
  ["langes Passwort ".repeat(6), "$apr1$r31.....$1KN3Ff7zuElxlJu2mTi8e/"],
  ["pässwörd", "$apr1$r31.....$CnMBtjJHTKsiwi5FN79xp0"],
  ['$(id) "a\'b"', "$apr1$r31.....$KJjxH4o1k5GjJaak7oVeI0"],
] as const;
const GEHEIM = APR1[1][1];
const BCRYPT = `$2y$05$${"a".repeat(53)}`;

const sha1 = (...parts: (string | Buffer)[]) =>
  createHash("sha1")
    .update(Buffer.concat(parts.map(Buffer.from)))
    .digest();
const sha = (password: string) => `{SHA}${sha1(password).toString("base64")}`;
const ssha = (password: string, salt: Buffer) =>
  `{SSHA}${Buffer.concat([sha1(password, salt), salt]).toString("base64")}`;

function login(path: string, proxyUser: string, proxyPassword: string): Promise<Answer> {
  return askInside(["htpasswd-login", path], { proxyUser, proxyPassword });
}

/** A login, with what the log tells of it. */
async function told(path: string, proxyUser: string, proxyPassword: string): Promise<readonly string[]> {
  const { verdict, said } = await login(path, proxyUser, proxyPassword);
  return [verdict, ...said];
}

const WRONG = [DENIED, "htpasswd-login: wrong password"];
const NOBODY = [DENIED, "htpasswd-login: no such user"];
const HOW = "-ERR [AUTH] give proxy-user:user as name and proxy-password:password as password";

/** The verdict on a login with a file of these lines. */
async function verdict(t: TestContext, lines: string[], user: string, password: string): Promise<string> {
  return (await login(file(t, ...lines), user, password)).verdict;
}

test("as a process of its own it says what it says inside the test's process", async (t) => {
  const path = file(t, `joe:${GEHEIM}`, `jörg:${ssha("pässwörd", Buffer.from("salt"))}`, `old:${BCRYPT}`);
  for (const [words, proxyUser, proxyPassword, verdict] of [
    [[path], "joe", "geheim", GRANTED],
    [[path], "jörg", "pässwörd", GRANTED],
    [[path], "joe", "oops", DENIED],
    [[path], "jim", "geheim", DENIED],
    [[path], "joe", "", HOW],
    [[path], "old", "geheim", UNKNOWN],
    [[], "joe", "geheim", UNKNOWN],
  ] as const) {
    const asked = { proxyUser, proxyPassword };
    const answer = await answered(ask(["htpasswd-login", ...words], asked));
    assert.equal(answer.verdict, verdict);
    assert.deepEqual(answer, await answered(askInside(["htpasswd-login", ...words], asked)));
  }
});

test("every kind of hash: the password is granted, one that is longer, shorter or other is not", async (t) => {
  const salts = [Buffer.from([0]), Buffer.from("salt"), Buffer.alloc(16, 0xff)];
  const hashes: (readonly [string, string])[] = [
    ...APR1,
    ["geheim", sha("geheim")],
    ["pässwörd", sha("pässwörd")],
    ...salts.map((salt) => ["geheim", ssha("geheim", salt)] as const),
  ];
  const path = file(t, ...hashes.map(([, hash], index) => `user${index}:${hash}`));
  for (const [index, [password, hash]] of hashes.entries()) {
    const wrong = [`${password}x`, password.slice(0, -1) || "b", password.toUpperCase() + password];
    assert.equal((await login(path, `user${index}`, password)).verdict, GRANTED, hash);
    for (const tried of wrong) assert.deepEqual(await told(path, `user${index}`, tried), WRONG, `${tried} for ${hash}`);
  }
});

test("comments, blank lines, CRLF and further fields are no matter; the first line of a user counts", async (t) => {
  const lines = ["", "# joe:x", "#jim:{SHA}x", "  ", `joe:${GEHEIM}\r`, `joe:${sha("other")}`, `ann:${GEHEIM}:x:y`];
  assert.equal(await verdict(t, lines, "joe", "geheim"), GRANTED);
  assert.equal(await verdict(t, lines, "joe", "other"), DENIED);
  assert.equal(await verdict(t, lines, "ann", "geheim"), GRANTED);
  assert.equal(await verdict(t, lines, "#jim", "x"), DENIED, "a comment is not a user");
});

test("names are compared as they are", async (t) => {
  const names = ["jörg", "$(id)", "a b", "a'\"\\", "__proto__", "constructor", "jo*"];
  const path = file(t, ...names.map((name) => `${name}:${GEHEIM}`));
  for (const name of names) {
    assert.equal((await login(path, name, "geheim")).verdict, GRANTED, name);
    assert.deepEqual(await told(path, `${name} `, "geheim"), NOBODY, name);
  }
  assert.equal((await login(path, "joe", "geheim")).verdict, DENIED);
  for (const name of ["__proto__", "constructor", "toString"])
    assert.equal(await verdict(t, [`joe:${GEHEIM}`], name, "geheim"), DENIED, name);
});

test("the log tells a wrong password from a wrong name, the client gets one text", async (t) => {
  const path = file(t, `joe:${GEHEIM}`);
  assert.deepEqual(await told(path, "joe", "oops"), WRONG);
  assert.deepEqual(await told(path, "jim", "oops"), NOBODY);
});

test("a wrong name costs what a wrong password does", async (t) => {
  let count = 0;
  const real = crypto.createHash;
  const counting = (...words: Parameters<typeof createHash>) => {
    count++;
    return real(...words);
  };
  Object.assign(crypto, { createHash: counting });
  t.after(() => Object.assign(crypto, { createHash: real }));
  const digests = async (lines: string[], user: string) => {
    count = 0;
    assert.equal((await login(file(t, ...lines), user, "oops")).verdict, DENIED);
    return count;
  };
  const slow = [`joe:${GEHEIM}`, `old:${BCRYPT}`, `ann:${GEHEIM}`];
  const wrong = await digests(slow, "joe");
  assert.ok(wrong > 1000, `${wrong}`);
  for (const nobody of ["jim", "jo", "joe2", "jörg"]) assert.equal(await digests(slow, nobody), wrong, nobody);
  assert.equal(await digests([`joe:${sha("x")}`], "jim"), await digests([`joe:${sha("x")}`], "joe"));
});

test("who gives no proxy login is told how to", async (t) => {
  const path = file(t, `joe:${GEHEIM}`, `:${GEHEIM}`, `ann:${sha("")}`);
  for (const [user, password] of [
    ["", ""],
    ["joe", ""],
    ["", "geheim"],
    ["ann", ""],
  ] as const) {
    assert.equal((await login(path, user, password)).verdict, HOW);
  }
});

test("a file that is empty lets nobody in", async (t) => {
  assert.equal(await verdict(t, [], "joe", "geheim"), DENIED);
  assert.equal(await verdict(t, ["# nobody yet"], "joe", "geheim"), DENIED);
});

test("a file that can't be read, or none, is no verdict on the client", async (t) => {
  for (const path of unreadable(t)) {
    const { verdict, said } = await login(path, "joe", "geheim");
    assert.equal(verdict, UNKNOWN, path);
    assert.match(said.join(), /^htpasswd-login: E(?:NOENT|ISDIR)/);
  }
  const { verdict, said } = await askInside(["htpasswd-login"], { proxyUser: "joe", proxyPassword: "geheim" });
  assert.deepEqual([verdict, said], [UNKNOWN, ["htpasswd-login: no file given"]]);
});

test("an unknown kind of hash is no verdict on its user, and no matter to others", async (t) => {
  const { length } = sha1("");
  const hashes = [
    BCRYPT,
    "$1$r31.....$kPl2oEyLa7IP.ZLwusTp00",
    "$apr1$r31.....$short",
    "$apr1$$kPl2oEyLa7IP.ZLwusTp00",
    "{SHA}",
    `{SHA}${Buffer.alloc(length + 1).toString("base64")}`,
    `{SSHA}${Buffer.alloc(length - 1).toString("base64")}`,
    "{sha}x",
    "geheim",
    "",
  ];
  for (const hash of hashes) {
    const path = file(t, `joe:${hash}`, `ann:${GEHEIM}`);
    const { verdict, said } = await login(path, "joe", "geheim");
    assert.equal(verdict, UNKNOWN, hash);
    assert.deepEqual(said, ["htpasswd-login: the hash of this user is of no known kind"]);
    assert.deepEqual(await told(path, "ann", "geheim"), [GRANTED]);
    assert.deepEqual(await told(path, "jim", "geheim"), NOBODY);
  }
  assert.equal(await verdict(t, ["joe"], "joe", "geheim"), UNKNOWN, "no hash at all");
});

test("G2: no password gets into the log", async (t) => {
  const password = "correct-horse";
  const paths = [
    file(t, `joe:${GEHEIM}`),
    file(t, `joe:${BCRYPT}`),
    file(t, `joe:${sha(password)}`),
    "/does/not/exist",
  ];
  for (const path of paths) {
    for (const user of ["joe", "jim"]) {
      const { log } = await login(path, user, password);
      assert.doesNotMatch(log, /correct-horse|server-password/);
    }
  }
});

test("another prefix is written in one place; with a wrong one nobody gets in", async (t) => {
  const path = file(t, `joe:${GEHEIM}`);
  const asked = { proxyUser: "joe", proxyPassword: "geheim" };
  const { verdict, said } = await askInside(["htpasswd-login", path], asked, { prefix: "ACP_" });
  assert.equal(verdict, UNKNOWN);
  assert.match(said.join(), /there is no PROXY_USERNAME/);
  const renamed = changed(t, "htpasswd-login", 'PREFIX = "PROXY_"', 'PREFIX = "ACP_"');
  assert.equal((await ask([renamed, path], asked, { prefix: "ACP_" })).verdict, GRANTED);
  const other = { ...asked, proxyPassword: "x" };
  assert.equal((await askInside([renamed, path], other, { prefix: "ACP_" })).verdict, DENIED);
});
