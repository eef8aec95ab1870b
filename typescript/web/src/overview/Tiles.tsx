import type { ReactNode } from "react";
import { useAdmin } from "../admin";
import {
  left,
  type Parity,
  type Publishers,
  type RelayRow,
  sum,
  type TopicRow,
} from "../operations/rows";
import { addressOf, type ViewName } from "../place";
import { bytes, count, counted, duration } from "../quantities";

interface TilesProps {
  /** Null: not read yet. */
  readonly topics: readonly TopicRow[] | null;
  /** Whether the session is for the whole installation. */
  readonly isWhole: boolean;
  readonly everyMs: number;
}

/** The state of everything in a few numbers, each a link to its view. */
export function Tiles({ topics, isWhole, everyMs }: TilesProps) {
  return (
    <ul className="tiles" aria-label="State">
      <Tile to="topics" name="Topics" value={topics && count(topics.length)}>
        {topics && writes(topics)}
      </Tile>
      <Tile to="topics" name="Documents" value={topics && documents(topics)}>
        {topics && journal(topics)}
      </Tile>
      {isWhole && <Installation everyMs={everyMs} />}
    </ul>
  );
}

function Installation({ everyMs }: Pick<TilesProps, "everyMs">) {
  const relays = useAdmin<{ readonly relays: readonly RelayRow[] }>("/api/admin/relays", everyMs)
    .data?.relays;
  const publishers = useAdmin<Publishers>("/api/admin/publishers", everyMs).data?.publishers;
  const parity = useAdmin<Parity>("/api/admin/parity", everyMs).data;
  const delivered = publishers?.flatMap((each) => each.topics);
  return (
    <>
      <Relays relays={relays} />
      <Tile
        to="publishers"
        name="Publishers' lag"
        value={delivered && lagOf(delivered)}
        isBad={publishers?.some(({ state }) => AT_REST.has(state)) ?? false}
      >
        {publishers && saidOf(publishers)}
      </Tile>
      <Tile
        to="publishers"
        name="Set aside"
        value={delivered && count(sum(delivered.map((each) => each.set_aside)))}
        isBad={delivered?.some((each) => each.set_aside > 0) ?? false}
      >
        {delivered && "updates refused for good"}
      </Tile>
      <ParityTile parity={parity} />
    </>
  );
}

function writes(topics: readonly TopicRow[]): string {
  const perMinute = Math.round(sum(topics.map((each) => each.writes_per_minute)));
  return topics.some((each) => each.writes_per_minute !== null)
    ? `${counted(perMinute, "write")} a minute`
    : "of your organisation";
}

function documents(topics: readonly TopicRow[]): string {
  const isMore = topics.some((each) => each.documents_at_least);
  return `${count(sum(topics.map((each) => each.documents)))}${isMore ? "+" : ""}`;
}

function journal(topics: readonly TopicRow[]): string {
  return topics.some((each) => each.journal_bytes !== null)
    ? `${bytes(sum(topics.map((each) => each.journal_bytes)))} of journal`
    : `${counted(sum(topics.map((each) => each.journal_rows)), "row")} of journal`;
}

const AT_REST: ReadonlySet<string> = new Set(["down", "stopped"]);

function saidOf(publishers: Publishers["publishers"]): string {
  if (publishers.length === 0) {
    return "no publisher";
  }
  const updates = counted(sum(publishers.flatMap(({ topics }) => topics.map(left))), "update");
  const atRest = publishers.filter(({ state }) => AT_REST.has(state));
  return atRest.length === 0
    ? `${updates} left`
    : `${updates} left, ${counted(atRest.length, "publisher")} at rest`;
}

function lagOf(topics: Publishers["publishers"][number]["topics"]): string {
  const waiting = topics.filter((each) => left(each) > 0);
  const oldest = Math.max(0, ...waiting.map((each) => each.oldest_age_s));
  // Rows that retention purged before they were read have no age.
  return waiting.length === 0 ? "none" : oldest > 0 ? duration(oldest) : "–";
}

function Relays({ relays }: { readonly relays: readonly RelayRow[] | undefined }) {
  const live = relays?.filter(({ is_live }) => is_live);
  return (
    <Tile
      to="relays"
      name="Relays live"
      value={live && count(live.length)}
      isBad={live?.length === 0}
    >
      {live && counted(sum(live.map(({ connections }) => connections)), "connection")}
    </Tile>
  );
}

function ParityTile({ parity }: { readonly parity: Parity | null }) {
  const isCompared = parity !== null && parity.cycles.length > 0;
  const met = parity?.gates.filter(({ is_met }) => is_met).length ?? 0;
  const all = parity?.gates.length ?? 0;
  return (
    <Tile
      to="parity"
      name="Parity"
      value={parity && (isCompared ? `${met} of ${all}` : "–")}
      isBad={isCompared && met < all}
    >
      {parity && (isCompared ? "gates met" : "not compared")}
    </Tile>
  );
}

interface TileProps {
  readonly to: ViewName;
  readonly name: string;
  readonly value: string | null | undefined;
  readonly isBad?: boolean;
  readonly children: ReactNode;
}

function Tile({ to, name, value, isBad = false, children }: TileProps) {
  return (
    <li>
      <a className="card tile" href={addressOf(to)} data-testid={`tile-${name}`}>
        <span className="quiet">{name}</span>
        <strong className={isBad ? "behind" : ""}>{value ?? "…"}</strong>
        <span className="quiet note">{children ?? "reading"}</span>
      </a>
    </li>
  );
}
