/** A React error boundary for what the hooks throw inside of it. */

import { Component, createContext, createElement, type ReactNode } from "react";
import { type AnyKhalaError, isKhalaError } from "../errors.js";

/** How to start again after each error that was thrown under one boundary. */
export const Retries = createContext<Set<() => void> | null>(null);

export interface KhalaErrorBoundaryProps {
  /** What is shown in place of the children. `retry` starts again and shows them. */
  readonly fallback: (failure: { error: AnyKhalaError; retry: () => void }) => ReactNode;
  readonly children?: ReactNode;
}

interface State {
  readonly caught: { readonly error: unknown } | null;
}

/**
 * Shows `fallback` once a topic of its children, or its client, has ended with an error. Inside, the
 * hooks throw that error instead of returning it. Any other error is left to the next boundary.
 */
export class KhalaErrorBoundary extends Component<KhalaErrorBoundaryProps, State> {
  override readonly state: State = { caught: null };
  readonly #retries = new Set<() => void>();

  static getDerivedStateFromError(error: unknown): State {
    return { caught: { error } };
  }

  readonly #retry = (): void => {
    for (const retry of this.#retries) {
      retry();
    }
    this.#retries.clear();
    this.setState({ caught: null });
  };

  override render(): ReactNode {
    const { fallback, children } = this.props;
    const { caught } = this.state;
    if (caught === null) {
      return createElement(Retries.Provider, { value: this.#retries }, children);
    }
    if (!isKhalaError(caught.error)) {
      throw caught.error;
    }
    return fallback({ error: caught.error as AnyKhalaError, retry: this.#retry });
  }
}
