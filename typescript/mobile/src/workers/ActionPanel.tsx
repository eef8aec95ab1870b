/** Requests to a worker: a message or a JSON object, and the request to stop. */

import type { JsonObject } from "khala-client";
import { useRef, useState } from "react";
import { StyleSheet, View } from "react-native";
import { isObject } from "../json";
import { Field } from "../ui/Field";
import { Button, Card, Notice, Words } from "../ui/parts";
import type { Action, Actions } from "./actions";
import { hasEnded, type Worker } from "./worker";

interface ActionPanelProps {
  readonly worker: Worker;
  readonly actions: Actions;
  /** The pending actions of this worker. */
  readonly pending: readonly Action[];
  readonly mayOperate: boolean;
}

export function ActionPanel({ worker, actions, pending, mayOperate }: ActionPanelProps) {
  const failed = pending.filter(({ phase }) => phase === "failed");
  if (!mayOperate) {
    return (
      <Words size="small" isMuted>
        Your key may not send requests: it lacks runtime.operate.
      </Words>
    );
  }
  return (
    <Card>
      <Words size="heading" level={2}>
        Requests
      </Words>
      {failed.map((action) => (
        <Failed key={action.id} action={action} actions={actions} />
      ))}
      {hasEnded(worker) ? (
        <Words isMuted>It has ended and takes no requests.</Words>
      ) : (
        <>
          <Composer worker={worker} actions={actions} pending={pending} />
          <Stop worker={worker} actions={actions} />
        </>
      )}
    </Card>
  );
}

function Failed({ action, actions }: { readonly action: Action; readonly actions: Actions }) {
  const title = action.kind === "stop" ? "It was not stopped" : "The request was not sent";
  return (
    <Notice tone="bad" title={title} testID="action-failed">
      <Words size="small">{action.error}</Words>
      <View style={styles.row}>
        <Button label="Try again" onPress={() => void actions.retry(action.id)} />
        <Button label="Dismiss" onPress={() => actions.dismiss(action.id)} />
      </View>
    </Notice>
  );
}

type ComposerProps = Omit<ActionPanelProps, "mayOperate">;

function Composer({ worker, actions, pending }: ComposerProps) {
  const [written, setWritten] = useState("");
  const [error, setError] = useState<string | null>(null);
  // A second tap comes before the field is drawn empty.
  const unsent = useRef("");
  const write = (next: string) => {
    unsent.current = next;
    setWritten(next);
  };
  const requests = pending.filter(({ kind, phase }) => kind === "request" && phase !== "failed");
  const send = async () => {
    const sent = unsent.current;
    if (sent.trim() === "") {
      return;
    }
    const body = readBody(sent);
    if (typeof body === "string") {
      setError(body);
      return;
    }
    setError(null);
    write("");
    if (!(await actions.send(worker.id, "request", body))) {
      // Taken back: what was written is there again, unless something new has been.
      write(unsent.current || sent);
    }
  };
  return (
    <>
      <Field
        label="Request"
        testID="request"
        value={written}
        onChangeText={write}
        multiline
        placeholder="Fix the failing test"
        help="A message, sent as turn/start; or a JSON object, sent as it is."
      />
      {error !== null && <Notice tone="bad" title={error} />}
      {requests.map(({ id, phase, body }) => (
        <Words key={id} size="small" isMuted testID="action-pending">
          {phase === "sending" ? "Sending: " : "Sent: "}
          {summary(body)}
        </Words>
      ))}
      <Button
        kind="main"
        label="Send request"
        isDisabled={written.trim() === ""}
        onPress={() => void send()}
      />
    </>
  );
}

function Stop({ worker, actions }: Pick<ActionPanelProps, "worker" | "actions">) {
  const [isAsking, setAsking] = useState(false);
  const [reason, setReason] = useState("");
  if (worker.status === "stopping") {
    return <Words isMuted>It is stopping.</Words>;
  }
  if (!isAsking) {
    return <Button kind="danger" label="Stop worker…" onPress={() => setAsking(true)} />;
  }
  const stop = () => {
    setAsking(false);
    const said = reason.trim();
    void actions.send(worker.id, "stop", said === "" ? {} : { reason: said });
  };
  return (
    <>
      <Field
        label="Reason, if you like"
        value={reason}
        onChangeText={setReason}
        maxLength={500}
        testID="reason"
      />
      <View style={styles.row}>
        <Button kind="danger" label="Stop worker" onPress={stop} />
        <Button label="Cancel" onPress={() => setAsking(false)} />
      </View>
    </>
  );
}

/** The body of a request; a string says what is wrong with it. */
function readBody(written: string): JsonObject | string {
  const trimmed = written.trim();
  if (!trimmed.startsWith("{")) {
    return { method: "turn/start", params: { text: trimmed } };
  }
  try {
    const value: unknown = JSON.parse(trimmed);
    return isObject(value) ? value : "Write a JSON object.";
  } catch (error) {
    return `This is no JSON: ${error instanceof Error ? error.message : error}`;
  }
}

/** A request in a few words. */
function summary(body: JsonObject): string {
  const params = body["params"];
  const said = isObject(params) ? params["text"] : undefined;
  return typeof said === "string" ? said : JSON.stringify(body);
}

const styles = StyleSheet.create({ row: { flexDirection: "row", flexWrap: "wrap", gap: 10 } });
