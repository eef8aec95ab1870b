import { useEffect, useRef, useState } from "react";
import { applyTheme, chosenTheme, THEMES, type Theme } from "../choices";
import { Keys } from "../keys/Keys";
import { addressOf, type Place } from "../place";
import { type Session, signOut } from "../session";
import { GROUPS, LABELS } from "../views";
import { Choice } from "./Choice";
import { Icon } from "./icons";
import { Organisations } from "./Organisations";

interface NavigationProps {
  readonly place: Place;
  readonly session: Session;
  readonly organisation: string;
  readonly onLeave: () => void;
}

/** The views: a rail beside the page, or behind a menu button where there is no room for it. */
export function Navigation({ place, session, organisation, onLeave }: NavigationProps) {
  const [isOpen, setOpen] = useState(false);
  const [theme, setTheme] = useState<Theme>(chosenTheme);
  const button = useRef<HTMLButtonElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another place closes the menu
  useEffect(() => setOpen(false), [place.view, place.section, organisation]);
  const changeTheme = (next: Theme) => {
    applyTheme(next);
    setTheme(next);
  };
  const leave = async () => {
    await signOut();
    onLeave();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes the menu from within it
    <div
      className={isOpen ? "rail open" : "rail"}
      onKeyDown={(event) => {
        if (event.key === "Escape" && isOpen) {
          setOpen(false);
          button.current?.focus();
        }
      }}
    >
      <div className="brand">
        <img src="/icon.svg" alt="" width="24" height="24" />
        <span>Khala</span>
        <button
          ref={button}
          type="button"
          className="button menu"
          aria-expanded={isOpen}
          aria-controls="navigation"
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name="menu" /> Menu
        </button>
      </div>
      <div id="navigation" className="rail-content">
        <Organisations session={session} organisation={organisation} />
        <nav aria-label="Views">
          {GROUPS.map(([label, views]) => (
            <div key={label} className="group">
              <p className="group-name" id={`group-${label}`}>
                {label}
              </p>
              <ul aria-labelledby={`group-${label}`}>
                {views.map((view) => (
                  <li key={view}>
                    <a
                      href={addressOf(view, "", { organisation: place.organisation })}
                      aria-current={view === place.view ? "page" : undefined}
                    >
                      <Icon name={view} /> {LABELS[view]}
                    </a>
                  </li>
                ))}
              </ul>
            </div>
          ))}
        </nav>
        <div className="rail-foot">
          <Choice
            label="Theme"
            value={theme}
            options={THEMES.map((each) => [each, each[0]?.toUpperCase() + each.slice(1)])}
            onChange={changeTheme}
          />
          <Keys />
          <button type="button" className="leave" onClick={() => void leave()}>
            <Icon name="out" /> Sign out
          </button>
        </div>
      </div>
    </div>
  );
}
