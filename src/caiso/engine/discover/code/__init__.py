"""Reads source code as syntax trees and finds AI components in it."""
