"""postback-worker: conversion events in, postbacks out; offsets are committed only after an ending."""
