// What charts/chart.js uses of Apache ECharts. Options are plain data, which the library checks itself.
export interface Chart {
  setOption(option: object, settings?: object): void;
  resize(): void;
  dispose(): void;
  isDisposed(): boolean;
  dispatchAction(action: object): void;
  on(event: string, handler: (event: any) => void): void;
  getOption(): any;
  getDom(): HTMLElement;
  getZr(): any;
  convertToPixel(finder: object, value: unknown): any;
  containPixel(finder: object, point: number[]): boolean;
}
export function init(element: HTMLElement, theme?: unknown, settings?: object): Chart;
