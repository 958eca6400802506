// Passkeys: asks the server what to sign, the device to sign it, and gives the answer back. Says in words what went wrong.
import { useState } from "react";

const SAID = {
  NotAllowedError: "It was not confirmed in time, or refused. Try again.",
  InvalidStateError: "This device holds a passkey for this account already.",
  SecurityError: "Passkeys work at the address that is configured for flyusage alone. Open that one.",
  NotSupportedError: "This device can make no passkey of a kind that is taken here.",
};
const MISSING = "This browser knows no passkeys. Use another, or an authenticator app.";

const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const withBytes = (credentials) => (credentials ?? []).map((one) => ({ ...one, id: toBytes(one.id) }));

/** The server's options, as JSON; throws its sentence. */
const optionsFrom = async (path, fields = {}) => {
  const answer = await fetch(path, { method: "POST", credentials: "same-origin", body: new URLSearchParams(fields) });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.detail);
  return { ...told, challenge: toBytes(told.challenge) };
};

const written = (made, response) =>
  JSON.stringify({ id: made.id, rawId: toText(made.rawId), type: made.type, response, clientExtensionResults: {} });

const make = async (proof) => {
  const options = await optionsFrom("/auth/new-passkey", { proof });
  const publicKey = {
    ...options,
    user: { ...options.user, id: toBytes(options.user.id) },
    excludeCredentials: withBytes(options.excludeCredentials),
  };
  const made = await navigator.credentials.create({ publicKey });
  const { clientDataJSON, attestationObject } = made.response;
  const transports = made.response.getTransports?.() ?? [];
  return written(made, { clientDataJSON: toText(clientDataJSON), attestationObject: toText(attestationObject), transports });
};

const sign = async (path) => {
  const options = await optionsFrom(path);
  const made = await navigator.credentials.get({ publicKey: { ...options, allowCredentials: withBytes(options.allowCredentials) } });
  const { clientDataJSON, authenticatorData, signature, userHandle } = made.response;
  return written(made, {
    clientDataJSON: toText(clientDataJSON),
    authenticatorData: toText(authenticatorData),
    signature: toText(signature),
    ...(userHandle ? { userHandle: toText(userHandle) } : {}),
  });
};

/** Runs `ask` once at a time; what went wrong is said. */
const useDevice = (ask, onAnswer) => {
  const [problem, setProblem] = useState("");
  const [isAsking, setAsking] = useState(false);
  const start = async () => {
    if (!window.PublicKeyCredential) return setProblem(MISSING);
    setProblem("");
    setAsking(true);
    try {
      onAnswer(await ask());
    } catch (error) {
      setProblem(SAID[error.name] ?? error.message);
    } finally {
      setAsking(false);
    }
    return undefined;
  };
  return { problem, isAsking, start };
};

const Problem = ({ text }) => (
  <p className="door-problem" role="alert" hidden={!text}>
    {text}
  </p>
);

/** Posts a plain form, so that the answer is a page of its own with its cookie. */
const post = (action, fields) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = action;
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    form.append(input);
  }
  document.body.append(form);
  form.submit();
};

const SignIn = ({ from, to, words, onward }) => {
  const { problem, isAsking, start } = useDevice(() => sign(from), (credential) => post(to, { credential, next: onward }));
  return (
    <div className="passkey-use">
      <button type="button" className="button" onClick={start} disabled={isAsking}>
        {isAsking ? "Confirm on your device …" : words}
      </button>
      <Problem text={problem} />
    </div>
  );
};

export const UsePasskey = ({ onward = "" }) => (
  <SignIn from="/auth/passkey-options" to="/auth/passkey" words="Use a passkey" onward={onward} />
);

/** Instead of a password. */
export const EnterByPasskey = ({ onward = "" }) => (
  <SignIn from="/auth/entry-options" to="/auth/enter-by-passkey" words="Continue with a passkey" onward={onward} />
);

export const AddPasskey = ({ longest, asksProof = false, proofLabel, onMade }) => {
  const [name, setName] = useState("");
  const [proof, setProof] = useState("");
  const ask = () => make(proof).finally(() => setProof("")); // a code is good once
  const { problem, isAsking, start } = useDevice(ask, (credential) => {
    onMade(name, credential);
    setName("");
  });
  const onSubmit = (event) => {
    event.preventDefault();
    start();
  };
  return (
    <form className="door-form" onSubmit={onSubmit}>
      <label>
        <span>Name, such as the device it is on</span>
        <input className="input" required maxLength={longest} value={name} autoComplete="off" onChange={(event) => setName(event.target.value)} />
      </label>
      {asksProof && (
        <label>
          <span>{proofLabel}</span>
          <input className="input" type="password" required maxLength={256} value={proof} autoComplete="one-time-code" onChange={(event) => setProof(event.target.value)} />
        </label>
      )}
      <button type="submit" className="button" disabled={isAsking}>
        {isAsking ? "Confirm on your device …" : "Add a passkey"}
      </button>
      <Problem text={problem} />
    </form>
  );
};
