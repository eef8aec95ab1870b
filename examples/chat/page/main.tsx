/** A chat whose answers are runs of an agent: each is seen as it goes. */

import { createKhalaClient } from "khala-client";
import { useKhalaStatus, useKhalaTopic } from "khala-client/react";
import { type FormEvent, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";

interface Message {
  author: "ann" | "agent";
  text: string;
  run_id: string;
}
/** What the example shows of a run's summary. */
interface Run {
  status: string;
  progress?: { lines?: number; last_line?: string };
}

const khala = createKhalaClient({
  url: await (await fetch("/api/relay")).text(),
  token: async () => (await fetch("/api/token")).text(),
});
const messages = khala.topic<Message>("chat.messages");
const runs = khala.topic<Run>("runtime.run_summaries");

function Progress({ run }: { run: Run | undefined }) {
  if (run === undefined) {
    return <small>waiting for the agent …</small>;
  }
  const { lines = 0, last_line = "" } = run.progress ?? {};
  return (
    <small>
      <span className={run.status}>{run.status}</span> · {lines} lines · {last_line}
    </small>
  );
}

function Chat() {
  const { state } = useKhalaStatus(khala);
  const [text, setText] = useState("");
  const said = useKhalaTopic(messages).data;
  const answers = useKhalaTopic(runs).data;
  // The key of a summary is runtime/run_summary:<run>.
  const running = new Map(answers.map(({ docKey, payload }) => [docKey.split(":")[1], payload]));
  const send = (event: FormEvent) => {
    event.preventDefault();
    void fetch(`/api/messages?${new URLSearchParams({ text })}`, { method: "POST" });
    setText("");
  };
  return (
    <>
      <nav>
        <strong>Ask the documentation</strong>
        <span className={state}>{state}</span>
      </nav>
      {said.map(({ docKey, payload }) => (
        <article key={docKey}>
          <strong>{payload.author}</strong>
          <p>{payload.text}</p>
          {payload.author === "ann" && <Progress run={running.get(payload.run_id)} />}
        </article>
      ))}
      <form onSubmit={send}>
        <input
          aria-label="Message"
          placeholder="How do I attach a table?"
          required
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit">Send</button>
      </form>
    </>
  );
}

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <Chat />
    </StrictMode>,
  );
}
