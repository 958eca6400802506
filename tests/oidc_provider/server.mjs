// A real OpenID provider for tests, on a free port of loopback. Prints its issuer once it listens.
//
// People are told to it as JSON: PUT /control {people: {login: {email, email_verified, groups, name, amr, acr}}, keys: "b"}.
// Another name under `keys` is another signing key from then on.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";

const { Provider } = await import(`${process.env.PROVIDER_PACKAGES}/oidc-provider/lib/index.js`);

const client = JSON.parse(process.env.PROVIDER_CLIENT);
let people = {}, keys = "a", provider, answer;
const made = {};

const key = (name) => (made[name] ??= { ...generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" }), kid: name, use: "sig", alg: "RS256" });

function start(issuer) {
  provider = new Provider(issuer, {
    clients: [{ ...client, grant_types: ["authorization_code"], response_types: ["code"], token_endpoint_auth_method: client.method ?? "client_secret_post", method: undefined }],
    jwks: { keys: [key(keys)] },
    cookies: { keys: ["only for tests"] },
    acrValues: ["gold"],
    claims: { openid: ["sub", "amr"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"], acr: null, auth_time: null, iss: null, sid: null },
    scopes: ["openid", "email", "profile", "groups"],
    features: { devInteractions: { enabled: false }, userinfo: { enabled: true }, backchannelLogout: { enabled: true } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, login) => ({ accountId: login, claims: () => ({ ...people[login], sub: login }) }),
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope("openid email profile groups");
      await grant.save();
      return grant;
    },
    ttl: { Interaction: 3600, Session: 3600, Grant: 3600, AccessToken: 3600, IdToken: 300 },
  });
  provider.on("server_error", (_, error) => console.error(error));
  answer = provider.callback();
}

const body = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
};
const escape = (text) => String(text ?? "").replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);

const server = createServer(async (request, response) => {
  const path = new URL(request.url, "http://provider").pathname;
  if (path === "/control") {
    const told = JSON.parse(await body(request));
    people = { ...people, ...told.people };
    if (told.keys) { keys = told.keys; start(provider.issuer); }
    response.end("{}");
  } else if (path.startsWith("/interaction/")) {
    if (request.method === "POST") {
      const login = new URLSearchParams(await body(request)).get("login");
      const result = login === "nobody" ? { error: "access_denied", error_description: "not <b>today</b>" }
        : { login: { accountId: login, amr: people[login]?.amr, acr: people[login]?.acr } };
      await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
    } else {
      const { params } = await provider.interactionDetails(request, response);
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end(`<!doctype html><html lang="en"><title>Provider</title><h1>The company's provider</h1><form method="post">
        <label>Who are you <input name="login" value="${escape(params.login_hint)}"></label><button>Continue</button></form></html>`);
    }
  } else answer(request, response);
});
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  start(issuer);
  console.log(issuer);
});
