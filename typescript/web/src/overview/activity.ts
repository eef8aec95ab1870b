/** The series of the charts, as lines over their times. */

import type { Activity, ActivityPoint } from "../operations/rows";
import { bytes, duration, rounded } from "../quantities";
import type { Line } from "./Chart";
import type { Scale } from "./geometry";

export interface Series {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
}

export interface Charted {
  readonly times: readonly number[];
  readonly intervalMs: number;
  readonly shown: Scale;
  readonly series: readonly Series[];
}

const HOUR = 3_600_000;

const perSecond = (value: number) => `${rounded(value)}/s`;
const bytesPerSecond = (value: number) => `${bytes(value)}/s`;

/** Of one topic, connections and bytes are not known. */
export function charted({ interval_s, to, points }: Activity, isOfOne: boolean): Charted {
  const end = Date.parse(to);
  const values = (read: (point: ActivityPoint) => number | null) => points.map(read);
  const rates = (read: (point: ActivityPoint) => number | null) =>
    values((point) => {
      const value = read(point);
      return value === null ? null : value / interval_s;
    });
  const series: readonly Series[] = [
    {
      title: "Writes",
      lines: [{ name: "writes", values: rates(({ writes }) => writes) }],
      format: perSecond,
    },
    {
      title: "Delivery lag",
      lines: [
        { name: "p50", values: values((point) => point.delivery_lag_p50_s) },
        { name: "p99", values: values((point) => point.delivery_lag_p99_s) },
      ],
      format: duration,
    },
    {
      title: "Connections",
      lines: [{ name: "connections", values: values(({ connections }) => connections) }],
      format: rounded,
    },
    {
      title: "Bytes sent",
      lines: [{ name: "bytes", values: rates(({ sent_bytes }) => sent_bytes) }],
      format: bytesPerSecond,
    },
  ];
  return {
    times: points.map(({ at }) => Date.parse(at)),
    intervalMs: interval_s * 1000,
    shown: { from: end - HOUR, to: end },
    series: isOfOne ? series.slice(0, 2) : series,
  };
}
