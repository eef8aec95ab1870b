import {
  type KeyboardEvent,
  memo,
  type PointerEvent,
  type RefObject,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { shownTime } from "../times";
import {
  type Area,
  greatest,
  nearest,
  position,
  type Scale,
  segments,
  timeTicks,
  type Values,
  valueTicks,
} from "./geometry";

export interface Line {
  readonly name: string;
  readonly values: Values;
}

/** What all charts beside each other have in common: their times, and the one that is read out. */
export interface TimeAxis {
  readonly times: readonly number[];
  readonly intervalMs: number;
  readonly shown: Scale;
  /** The index of the time that is read out; null: the last one. */
  readonly cursor: number | null;
  readonly onCursor: (index: number | null) => void;
}

interface ChartProps {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  readonly axis: TimeAxis;
  /** Whether what is below the line is filled, which only one line can be. */
  readonly isFilled?: boolean;
}

const LEFT = 64;
const STEPS: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  ArrowDown: -1,
  ArrowUp: 1,
  PageDown: -30,
  PageUp: 30,
};

/**
 * Lines over time. Pointer, touch and arrow keys read out a time; without them it reads out the
 * last one.
 */
export function Chart({ title, lines, format, axis, isFilled = false }: ChartProps) {
  const { times, cursor, onCursor, shown } = axis;
  const heading = useId();
  const plot = useRef<HTMLDivElement>(null);
  const width = useWidth(plot);
  const area = areaOf(width);
  const last = times.length - 1;
  const read = Math.min(cursor ?? last, last);
  const words = (index: number) => {
    const values = lines.map(({ name, values }) => {
      const value = values[index] ?? null;
      const said = value === null ? "nothing reported" : format(value);
      return lines.length > 1 ? `${name} ${said}` : said;
    });
    return values.join(", ");
  };
  const onPointer = (event: PointerEvent) => {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
    const at = position({ from: area.left, to: area.right }, x, shown.from, shown.to);
    onCursor(last < 0 ? null : nearest(times, at));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    const next =
      event.key === "Home"
        ? 0
        : event.key === "End"
          ? last
          : step === undefined
            ? null
            : read + step;
    if (event.key === "Escape") {
      onCursor(null);
    } else if (next !== null && last >= 0) {
      event.preventDefault();
      onCursor(Math.max(0, Math.min(last, next)));
    }
  };
  return (
    <figure className="chart" aria-labelledby={heading} data-testid={`chart-${title}`}>
      <figcaption>
        <h2 id={heading}>{title}</h2>
        <p className="readout" data-testid="readout">
          {cursor !== null && read >= 0 && (
            <time className="quiet">{shownTime(times[read] ?? 0)}</time>
          )}
          {lines.map(({ name, values }, index) => {
            const value = values[read] ?? null;
            return (
              <span key={name} className={`line-${index}`}>
                {lines.length > 1 && (
                  <>
                    <Swatch /> {name}{" "}
                  </>
                )}
                <strong>{value === null ? "–" : format(value)}</strong>
              </span>
            );
          })}
        </p>
      </figcaption>
      <div
        ref={plot}
        className="plot"
        role="slider"
        tabIndex={0}
        aria-label={`${title}: time that is read out`}
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={Math.max(0, last)}
        aria-valuenow={Math.max(0, read)}
        aria-valuetext={
          read < 0 ? "nothing reported" : `${shownTime(times[read] ?? 0)}: ${words(read)}`
        }
        onKeyDown={onKeyDown}
        onPointerMove={onPointer}
        onPointerDown={onPointer}
        onPointerLeave={() => onCursor(null)}
        onBlur={() => onCursor(null)}
      >
        <svg width={width} height={heightOf(width)} aria-hidden="true">
          <Lines
            lines={lines}
            format={format}
            times={times}
            intervalMs={axis.intervalMs}
            shown={shown}
            width={width}
            isFilled={isFilled}
          />
          {cursor !== null && read >= 0 && (
            <Cursor
              lines={lines}
              at={position(shown, times[read] ?? 0, area.left, area.right)}
              index={read}
              width={width}
            />
          )}
        </svg>
        {last < 0 && <p className="nothing">Nothing was reported.</p>}
      </div>
    </figure>
  );
}

interface LinesProps {
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  readonly times: readonly number[];
  readonly intervalMs: number;
  readonly shown: Scale;
  readonly width: number;
  readonly isFilled: boolean;
}

/** Axes and lines, which are not drawn again while a pointer moves. */
const Lines = memo(function Lines(props: LinesProps) {
  const { lines, format, times, intervalMs, shown, width, isFilled } = props;
  const { left, right, top, bottom } = areaOf(width);
  const ticks = ticksOf(lines);
  const scale = scaleOf(ticks);
  const x = (index: number) => fixed(position(shown, times[index] ?? 0, left, right));
  const y = (value: number | null | undefined) => fixed(position(scale, value ?? 0, bottom, top));
  return (
    <>
      {ticks.map((tick) => (
        <g key={tick} className="tick">
          <line x1={left} x2={right} y1={y(tick)} y2={y(tick)} />
          <text x={left - 8} y={y(tick)} dy="0.32em" textAnchor="end">
            {format(tick)}
          </text>
        </g>
      ))}
      {timeTicks(shown, right - left).map((tick) => {
        const at = position(shown, tick, left, right);
        return (
          <g key={tick} className="tick">
            <line x1={at} x2={at} y1={bottom} y2={bottom + 4} />
            <text x={Math.min(at, right - 12)} y={bottom + 18} textAnchor="middle">
              {clock.format(tick)}
            </text>
          </g>
        );
      })}
      {lines.map(({ name, values }, index) => {
        const parts = segments(times, values, intervalMs).map(([first, last]) => {
          const points = times
            .slice(first, last + 1)
            .map((_, offset) => `${x(first + offset)} ${y(values[first + offset])}`);
          return { first, last, path: points.join(" L") };
        });
        return (
          <g key={name} className={`line-${index}`}>
            {isFilled &&
              parts.map(({ first, last, path }) => (
                <path
                  key={first}
                  className="below"
                  d={`M${x(first)} ${bottom} L${path} L${x(last)} ${bottom} Z`}
                />
              ))}
            <path className="line" d={parts.map(({ path }) => `M${path}`).join("")} />
            {parts
              .filter(({ first, last }) => first === last)
              .map(({ first }) => (
                <circle key={first} cx={x(first)} cy={y(values[first])} r={2} />
              ))}
          </g>
        );
      })}
    </>
  );
});

interface CursorProps {
  readonly lines: readonly Line[];
  readonly at: number;
  readonly index: number;
  readonly width: number;
}

function Cursor({ lines, at, index, width }: CursorProps) {
  const { top, bottom } = areaOf(width);
  const scale = scaleOf(ticksOf(lines));
  return (
    <g className="cursor">
      <line x1={at} x2={at} y1={top} y2={bottom} />
      {lines.map(({ name, values }, line) => {
        const value = values[index] ?? null;
        return value === null ? null : (
          <circle
            key={name}
            className={`line-${line}`}
            cx={at}
            cy={position(scale, value, bottom, top)}
            r={4}
          />
        );
      })}
    </g>
  );
}

function areaOf(width: number): Area {
  return { left: LEFT, right: width - 8, top: 10, bottom: heightOf(width) - 24 };
}

function heightOf(width: number): number {
  return Math.round(Math.max(168, Math.min(420, width * 0.24)));
}

function ticksOf(lines: readonly Line[]): readonly number[] {
  return valueTicks(greatest(lines.map(({ values }) => values)));
}

function scaleOf(ticks: readonly number[]): Scale {
  return { from: 0, to: ticks.at(-1) ?? 1 };
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

function Swatch() {
  return (
    <svg className="swatch" width="18" height="8" aria-hidden="true">
      <path className="line" d="M0 4 H18" />
    </svg>
  );
}

function fixed(value: number): string {
  return value.toFixed(1);
}

function useWidth(element: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(320);
  useLayoutEffect(() => {
    const { current } = element;
    if (current === null) {
      return undefined;
    }
    const look = () => setWidth(current.clientWidth);
    const observer = new ResizeObserver(look);
    observer.observe(current);
    look();
    return () => observer.disconnect();
  }, [element]);
  return width;
}
