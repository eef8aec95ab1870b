import { useState } from "react";
import { applyTheme, chosenTheme, THEMES, type Theme } from "../choices";
import type { LaneName } from "../lanes/lane";
import { Choice } from "./Choice";

interface HeaderProps {
  readonly lane: LaneName;
  /** Undefined: `khala flags` decides. */
  readonly onLane: ((lane: LaneName) => void) | undefined;
  readonly organisation: string;
}

export function Header({ lane, onLane, organisation }: HeaderProps) {
  const [theme, setTheme] = useState<Theme>(chosenTheme);
  const changeTheme = (next: Theme) => {
    applyTheme(next);
    setTheme(next);
  };
  return (
    <header className="header">
      <h1>
        <img src="/icon.svg" alt="" width="24" height="24" /> Codex admin
        <span className="organisation">{organisation}</span>
      </h1>
      <div className="choices">
        <Choice
          label="Lane"
          value={lane}
          options={[
            ["khala", "Khala"],
            ["legacy", "Polling"],
          ]}
          onChange={onLane}
          note="khala flags decides: khala flags set web --lane …"
        />
        <Choice
          label="Theme"
          value={theme}
          options={THEMES.map((each) => [each, each[0]?.toUpperCase() + each.slice(1)])}
          onChange={changeTheme}
        />
      </div>
    </header>
  );
}
