// Package rebalance moves client connections of one account off the servers of
// a cluster that hold more than an even share: it plans the moves, makes them
// within limits, and stops at the first sign that they do harm or no good.
//
// [PlanMoves] and the refusals are pure. [Apply] asks servers and closes connections over a
// connection of the system account. Neither gathers, asks a person, nor prints.
package rebalance
