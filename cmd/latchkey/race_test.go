//go:build race

package main

// raceMemory is how many times more memory a program takes under the race
// detector.
const raceMemory = 8
