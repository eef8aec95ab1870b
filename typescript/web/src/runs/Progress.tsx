import { useEverySecond } from "../components/Ago";
import { duration } from "../quantities";
import type { Summary } from "../summary";
import * as summary from "../summary";
import { wholeTime } from "../times";

/** The bar of what is at work: its share, or only that it moves; nothing for what has ended. */
export function Progress({ payload }: { readonly payload: Summary }) {
  if (!summary.isAtWork(payload)) {
    return null;
  }
  const percent = summary.percent(payload);
  return (
    <span
      role="progressbar"
      className={percent === null ? "bar moving" : "bar"}
      aria-label="Progress"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent ?? undefined}
    >
      <span style={percent === null ? undefined : { width: `${percent}%` }} />
    </span>
  );
}

/** How long something took, or has taken so far: that counts on. */
export function Duration({ payload }: { readonly payload: Summary }) {
  const from = Date.parse(summary.text(payload, "started_at"));
  const end = summary.isAtWork(payload) ? null : summary.endOf(payload);
  const words = useEverySecond(() =>
    end === null ? duration(Math.max(1, Math.floor((Date.now() - from) / 1000))) : "",
  );
  if (Number.isNaN(from)) {
    return null;
  }
  const until = end === null ? "it goes on" : wholeTime(end);
  return (
    <span className="duration" title={`${wholeTime(from)} – ${until}`}>
      {end === null ? words : duration(Math.max(0, (end - from) / 1000))}
    </span>
  );
}
