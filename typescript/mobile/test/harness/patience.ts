import { configure } from "@testing-library/react-native";

/** Waits as long as a loaded machine may take. */
export const PATIENT = { timeout: 40_000 };

configure({ asyncUtilTimeout: PATIENT.timeout });
