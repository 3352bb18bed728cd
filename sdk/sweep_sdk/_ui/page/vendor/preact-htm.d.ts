// What the page uses of Preact and htm; the library's own types are not shipped with its standalone module.
export type Child = unknown;
export function html(strings: TemplateStringsArray, ...values: unknown[]): Child;
export function render(child: Child, parent: Element): void;
export function h(type: unknown, props: unknown, ...children: Child[]): Child;
export function createContext<T>(value: T): { Provider: unknown; value: T };
export function useContext<T>(context: { Provider: unknown; value: T }): T;
export function useState<T>(initial: T | (() => T)): [T, (next: T | ((last: T) => T)) => void];
export function useEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useLayoutEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useRef<T>(initial: T): { current: T };
export function useMemo<T>(make: () => T, inputs: readonly unknown[]): T;
export function useCallback<T>(callback: T, inputs: readonly unknown[]): T;
export class Component<P = unknown, S = unknown> {
  constructor(props: P);
  props: P;
  state: S;
  setState(state: Partial<S>): void;
}
