import { Component, type ReactNode } from "react";

interface BoundaryProps {
  readonly children: ReactNode;
}

interface BoundaryState {
  readonly error: string | null;
}

/** Shows a view that could not be loaded or drawn as an error, and leaves the rest of the page. */
export class Boundary extends Component<BoundaryProps, BoundaryState> {
  override readonly state: BoundaryState = { error: null };

  static getDerivedStateFromError(error: unknown): BoundaryState {
    return { error: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    if (this.state.error === null) {
      return this.props.children;
    }
    return (
      <div className="nothing" role="alert">
        <p>
          <strong>This view could not be shown.</strong> {this.state.error}
        </p>
        <button type="button" className="button" onClick={() => location.reload()}>
          Reload
        </button>
      </div>
    );
  }
}
