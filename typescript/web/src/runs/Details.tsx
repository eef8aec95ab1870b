import { type ReactNode, useRef } from "react";
import { DetailsPanel, Facts } from "../components/Browser";
import { CopyButton } from "../components/CopyButton";
import { useFrames } from "../frames";
import type { LaneTopic } from "../lanes/lane";
import { quoted } from "../operations/Command";
import { addressOf } from "../place";
import * as summary from "../summary";
import { type Kind, type Summary, type SummaryDocument, TOPICS } from "../summary";
import { Duration, Progress } from "./Progress";
import { At, Heartbeat } from "./Row";
import { pathOf, useOutput } from "./runtime";
import { Timeline } from "./Timeline";

interface DetailsProps {
  readonly kind: Kind;
  readonly docKey: string;
  readonly topic: LaneTopic<Summary>;
  readonly onClose: () => void;
}

/** A run or a worker as it stands, its output, and its events as they come. */
export function Details({ kind, docKey, topic, onClose }: DetailsProps) {
  const document = useFrames(topic.subscribe, () => topic.get(docKey));
  // One that was deleted shows as it was.
  const last = useRef(document);
  last.current = document ?? last.current;
  const shown = last.current;
  const id = summary.id(shown?.payload ?? {}, docKey);
  const title = shown && summary.title(shown.payload);
  const path = pathOf(kind, id);
  return (
    <DetailsPanel name={title || id} onClose={onClose}>
      {document === undefined && topic.getStatus().watermark !== null && (
        <p className="notice warning">{shown ? "It has been deleted." : "There is none."}</p>
      )}
      {shown !== undefined && (
        <>
          <Progress payload={shown.payload} />
          <Facts facts={factsOf(shown, id)} />
          {kind === "runs" && <Output path={path} version={shown.docVersion} />}
          <Timeline path={path} latestSeq={summary.eventCount(shown.payload)} />
          <p className="more">
            <a href={addressOf("topics", TOPICS[kind], { opened: docKey })}>
              Versions of the document
            </a>
          </p>
          <details className="payload">
            <summary>Payload</summary>
            <pre>{JSON.stringify(shown.payload, null, 2)}</pre>
          </details>
        </>
      )}
    </DetailsPanel>
  );
}

function factsOf(
  { payload, docVersion, watermark, docKey }: SummaryDocument,
  id: string,
): readonly (readonly [string, ReactNode])[] {
  const status = summary.status(payload);
  const command = shellCommand(payload);
  const text = (field: string) => summary.text(payload, field);
  const time = (field: string) => text(field) && <At time={text(field)} />;
  const code = payload["exit_code"];
  return [
    [
      "Status",
      <span key="status" className={`pill ${status}`}>
        {status}
      </span>,
    ],
    ["Now", summary.isAtWork(payload) ? summary.activity(payload) : ""],
    ["Exit code", typeof code === "number" ? String(code) : ""],
    ["Signal", text("signal")],
    ["Reason", text("terminal_reason")],
    ["Duration", text("started_at") && <Duration payload={payload} />],
    ["Started", time("started_at")],
    ["Finished", time("finished_at") || time("stopped_at")],
    [
      "Command",
      command && (
        <span className="copied">
          <code>{command}</code>
          <CopyButton text={command} name="Copy the command" />
        </span>
      ),
    ],
    ["Task", text("task")],
    ["Heartbeat", text("heartbeat_state") && <Beat payload={payload} />],
    ["Workspace", text("workspace")],
    ["Adapter", text("adapter")],
    ["Id", id],
    ["Events", String(summary.eventCount(payload))],
    ["Version", String(docVersion)],
    ["Watermark", String(watermark)],
    ["Key", docKey],
  ];
}

/** The command as a shell reads it. */
function shellCommand(payload: Summary): string {
  const { command } = payload;
  return Array.isArray(command)
    ? command.map((word) => quoted(String(word))).join(" ")
    : summary.command(payload);
}

function Beat({ payload }: { readonly payload: Summary }) {
  return (
    <>
      <Heartbeat payload={payload} /> <At time={summary.text(payload, "heartbeat_at")} />
    </>
  );
}

interface OutputProps {
  readonly path: string;
  readonly version: bigint;
}

/** The last lines of a run's output. */
function Output({ path, version }: OutputProps) {
  const lines = useOutput(path, version);
  return (
    lines !== null &&
    lines.length > 0 && (
      <>
        <h3>
          Output{" "}
          <span className="quiet">
            {lines.length === 1 ? "last line" : `last ${lines.length} lines`}
          </span>
        </h3>
        <pre className="output" data-testid="output">
          {lines.join("\n")}
        </pre>
      </>
    )
  );
}
