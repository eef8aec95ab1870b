import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { useAdmin } from "../admin";
import { go, place } from "../place";
import type { Session } from "../session";

interface Listed {
  readonly organisations: readonly { readonly org_id: string; readonly documents: number }[];
  /** Whether these are all that there are. */
  readonly complete: boolean;
}

interface Offer {
  readonly name: string;
  readonly about: string;
}

const MOST_SHOWN = 50;
const number = new Intl.NumberFormat();

interface OrganisationsProps {
  readonly session: Session;
  readonly organisation: string;
}

/** Chooses the organisation whose documents the page shows. */
export function Organisations({ session, organisation }: OrganisationsProps) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!isOpen) {
      return undefined;
    }
    const listen = (event: PointerEvent) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) {
        setOpen(false);
      }
    };
    addEventListener("pointerdown", listen);
    return () => removeEventListener("pointerdown", listen);
  }, [isOpen]);
  const choose = (name: string) => {
    setOpen(false);
    button.current?.focus();
    if (name !== organisation) {
      const isFirst = name === session.organisation;
      const { filter, more } = place.get();
      go({
        organisation: isFirst ? null : name,
        opened: null,
        filter,
        more: Object.fromEntries(Object.entries(more).filter(([each]) => each === "columns")),
      });
    }
  };
  return (
    <div ref={root} className="organisations">
      <button
        ref={button}
        type="button"
        className="button organisation"
        aria-haspopup="listbox"
        aria-expanded={isOpen}
        aria-label={`Organisation ${organisation || "none"}. Choose another`}
        onClick={() => setOpen(!isOpen)}
      >
        <span className="quiet">Organisation</span>
        <strong>{organisation || "none yet"}</strong>
        <span aria-hidden="true">▾</span>
      </button>
      {isOpen && (
        <Chooser
          session={session}
          organisation={organisation}
          onChoose={choose}
          onClose={() => {
            setOpen(false);
            button.current?.focus();
          }}
        />
      )}
    </div>
  );
}

interface ChooserProps extends OrganisationsProps {
  readonly onChoose: (name: string) => void;
  readonly onClose: () => void;
}

function Chooser({ session, organisation, onChoose, onClose }: ChooserProps) {
  const isAny = session.organisations === null;
  const { data, error } = useAdmin<Listed>(isAny ? "/api/admin/organisations" : null, 0);
  const [search, setSearch] = useState("");
  const [active, setActive] = useState(0);
  const id = useId();
  const offers = offersOf(session, data, organisation, search.trim(), error !== null);
  const last = offers.length - 1;
  const onKeyDown = (event: KeyboardEvent) => {
    const moves: Readonly<Record<string, number>> = { ArrowDown: active + 1, ArrowUp: active - 1 };
    const wanted = moves[event.key];
    const offer = offers[active];
    if (event.key === "Escape") {
      event.stopPropagation();
      onClose();
    } else if (wanted !== undefined) {
      event.preventDefault();
      setActive(Math.max(0, Math.min(last, wanted)));
    } else if (event.key === "Enter" && offer !== undefined) {
      onChoose(offer.name);
    }
  };
  return (
    <div className="chooser">
      <input
        ref={(element) => element?.focus()}
        className="search"
        role="combobox"
        aria-label="Find an organisation"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={offers.length > 0 ? `${id}-${active}` : undefined}
        placeholder="Find an organisation"
        autoComplete="off"
        value={search}
        onChange={(event) => {
          setSearch(event.target.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div id={id} role="listbox" aria-label="Organisations" className="offers">
        {offers.map((offer, index) => (
          // biome-ignore lint/a11y/useFocusableInteractive lint/a11y/useKeyWithClickEvents: the input has the focus and the keys
          <div
            key={offer.name}
            id={`${id}-${index}`}
            role="option"
            aria-selected={offer.name === organisation}
            className={index === active ? "offer active" : "offer"}
            onClick={() => onChoose(offer.name)}
          >
            <span className="offer-name">{offer.name}</span>
            <span className="quiet">{offer.about}</span>
          </div>
        ))}
      </div>
      {error !== null && (
        <p className="quiet" role="status">
          The list cannot be read: {error.message}. A name that you type works.
        </p>
      )}
    </div>
  );
}

/** The organisations that match; a name that is typed too, if the list may lack it. */
function offersOf(
  { organisations, organisation: first }: Session,
  listed: Listed | null,
  organisation: string,
  search: string,
  isUnreadable: boolean,
): readonly Offer[] {
  const known: readonly Offer[] =
    organisations === null
      ? (listed?.organisations ?? []).map(({ org_id, documents }) => ({
          name: org_id,
          about: `${number.format(documents)} documents`,
        }))
      : organisations.map((name) => ({ name, about: "" }));
  const own = [organisation, first].flatMap((name, index, all) =>
    name !== "" && all.indexOf(name) === index && !known.some((each) => each.name === name)
      ? [{ name, about: "" }]
      : [],
  );
  const found = [...own, ...known].filter(({ name }) =>
    name.toLowerCase().includes(search.toLowerCase()),
  );
  // While the list is on its way, Enter must not take half a name for a whole one.
  const isOpenEnded = organisations === null && (listed === null ? isUnreadable : !listed.complete);
  const isTyped = search !== "" && isOpenEnded && !found.some(({ name }) => name === search);
  return [...found.slice(0, MOST_SHOWN), ...(isTyped ? [{ name: search, about: "as typed" }] : [])];
}
